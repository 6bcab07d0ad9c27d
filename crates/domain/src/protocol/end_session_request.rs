use url::Url;

use super::{ClientId, IdTokenHint, State};

/// Where a browser is sent to sign out at a provider, and how the place is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSessionEndpoint {
    /// Where.
    pub url: Url,
    /// How.
    pub form: EndSessionForm,
}

/// The parameters that an endpoint for signing out takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSessionForm {
    /// Those of OpenID Connect RP-Initiated Logout section 2.
    Standard,
    /// The same, and none without `id_token_hint`: there is an error page then (Okta).
    StandardWithHint,
    /// `client_id` and `logout_uri` alone (Cognito).
    LogoutUri,
}

/// A logout request (OpenID Connect RP-Initiated Logout section 2): sends a browser to a provider to sign out there, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndSessionRequest {
    /// Whom to sign out; without it the provider asks the person.
    pub id_token_hint: Option<IdTokenHint>,
    /// Who asks.
    pub client_id: ClientId,
    /// Where the browser comes back to; it must be registered at the provider.
    pub post_logout_redirect_uri: Url,
    /// Comes back with the browser.
    pub state: State,
}

impl EndSessionRequest {
    /// The address that the browser is sent to; `None` when the endpoint would not take this request. Parameters that it has
    /// already stay as they are.
    #[must_use]
    pub fn to_url(&self, endpoint: &EndSessionEndpoint) -> Option<Url> {
        if endpoint.form == EndSessionForm::StandardWithHint && self.id_token_hint.is_none() {
            return None;
        }
        let mut url = endpoint.url.clone();
        let mut query = url.query_pairs_mut();
        match endpoint.form {
            EndSessionForm::Standard | EndSessionForm::StandardWithHint => {
                if let Some(hint) = &self.id_token_hint {
                    query.append_pair("id_token_hint", hint.as_str());
                }
                query
                    .append_pair("client_id", self.client_id.as_str())
                    .append_pair("post_logout_redirect_uri", self.post_logout_redirect_uri.as_str())
                    .append_pair("state", self.state.as_str());
            }
            EndSessionForm::LogoutUri => {
                query
                    .append_pair("client_id", self.client_id.as_str())
                    .append_pair("logout_uri", self.post_logout_redirect_uri.as_str());
            }
        }
        drop(query);
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn c155_the_request_names_whom_who_where_and_state() {
        let hinted = "https://op.example/logout?tenant=1&id_token_hint=e.y.J&client_id=lab\
                      &post_logout_redirect_uri=https%3A%2F%2Flab.example%2Fsigned-out&state=s+t";
        for form in [EndSessionForm::Standard, EndSessionForm::StandardWithHint] {
            assert_eq!(url(form, Some("e.y.J")).as_deref(), Some(hinted), "{form:?}");
        }
        let without = hinted.replace("id_token_hint=e.y.J&", "");
        assert_eq!(url(EndSessionForm::Standard, None), Some(without));
        assert_eq!(url(EndSessionForm::StandardWithHint, None), None, "there would be an error page");
    }

    #[test]
    fn c155_what_takes_a_logout_uri_gets_that_and_no_token() {
        assert_eq!(
            url(EndSessionForm::LogoutUri, Some("e.y.J")).unwrap(),
            "https://op.example/logout?tenant=1&client_id=lab&logout_uri=https%3A%2F%2Flab.example%2Fsigned-out"
        );
    }
}
