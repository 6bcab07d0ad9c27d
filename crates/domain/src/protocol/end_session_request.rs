use url::Url;

use super::{ClientId, IdTokenHint, State};

/// The end-session endpoint of a provider, and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSessionEndpoint {
    /// The endpoint's URL.
    pub url: Url,
    /// The parameters that it accepts.
    pub form: EndSessionForm,
}

/// The names of the parameters that an end-session endpoint accepts. `client_id` is always one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndSessionForm {
    /// The parameter for the ID token; `None` sends none.
    pub id_token: Option<&'static str>,
    /// Whether the endpoint shows an error page to a request without an ID token.
    pub needs_id_token: bool,
    /// The parameter for the page to come back to.
    pub return_to: &'static str,
    /// The parameter for the state; `None` sends none.
    pub state: Option<&'static str>,
}

impl EndSessionForm {
    /// The parameters of OpenID Connect RP-Initiated Logout section 2.
    pub const STANDARD: Self = Self {
        id_token: Some("id_token_hint"),
        needs_id_token: false,
        return_to: "post_logout_redirect_uri",
        state: Some("state"),
    };
}

/// A logout request (OpenID Connect RP-Initiated Logout section 2): sends a browser to a provider to sign out
/// there, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSessionRequest {
    /// The ID token of the person to sign out; without it the provider asks the person.
    pub id_token_hint: Option<IdTokenHint>,
    /// The client.
    pub client_id: ClientId,
    /// The page to come back to; it must be registered at the provider.
    pub post_logout_redirect_uri: Url,
    /// The state that comes back with the browser.
    pub state: State,
}

impl EndSessionRequest {
    /// Returns the URL for the browser; `None` when the endpoint would not accept this request. Parameters
    /// that the endpoint's URL has already stay unchanged.
    #[must_use]
    pub fn to_url(&self, endpoint: &EndSessionEndpoint) -> Option<Url> {
        let form = endpoint.form;
        if form.needs_id_token && self.id_token_hint.is_none() {
            return None;
        }
        let mut url = endpoint.url.clone();
        let mut query = url.query_pairs_mut();
        if let (Some(name), Some(hint)) = (form.id_token, &self.id_token_hint) {
            query.append_pair(name, hint.as_str());
        }
        query
            .append_pair("client_id", self.client_id.as_str())
            .append_pair(form.return_to, self.post_logout_redirect_uri.as_str());
        if let Some(name) = form.state {
            query.append_pair(name, self.state.as_str());
        }
        drop(query);
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_HINT: EndSessionForm = EndSessionForm { needs_id_token: true, ..EndSessionForm::STANDARD };
    const LOGOUT_URI: EndSessionForm =
        EndSessionForm { id_token: None, needs_id_token: false, return_to: "logout_uri", state: None };

    fn url(form: EndSessionForm, hint: Option<&str>) -> Option<String> {
        let request = EndSessionRequest {
            id_token_hint: hint.map(|hint| IdTokenHint::parse(hint).unwrap()),
            client_id: ClientId::parse("lab").unwrap(),
            post_logout_redirect_uri: Url::parse("https://lab.example/signed-out").unwrap(),
            state: State::parse("s t").unwrap(),
        };
        let url = Url::parse("https://op.example/logout?tenant=1").unwrap();
        request.to_url(&EndSessionEndpoint { url, form }).map(Into::into)
    }

    #[test]
    fn c155_the_request_has_hint_client_return_page_and_state() {
        let hinted = "https://op.example/logout?tenant=1&id_token_hint=e.y.J&client_id=lab\
                      &post_logout_redirect_uri=https%3A%2F%2Flab.example%2Fsigned-out&state=s+t";
        for form in [EndSessionForm::STANDARD, WITH_HINT] {
            assert_eq!(url(form, Some("e.y.J")).as_deref(), Some(hinted), "{form:?}");
        }
        let without = hinted.replace("id_token_hint=e.y.J&", "");
        assert_eq!(url(EndSessionForm::STANDARD, None), Some(without));
        assert_eq!(url(WITH_HINT, None), None, "there would be an error page");
    }

    #[test]
    fn c155_an_endpoint_with_logout_uri_gets_that_and_no_token() {
        assert_eq!(
            url(LOGOUT_URI, Some("e.y.J")).unwrap(),
            "https://op.example/logout?tenant=1&client_id=lab&logout_uri=https%3A%2F%2Flab.example%2Fsigned-out"
        );
    }
}
