use url::Url;

use super::{ClientId, IdTokenHint, State};

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
    /// The address that the browser is sent to. Parameters that the endpoint has already stay as they are.
    #[must_use]
    pub fn to_url(&self, end_session_endpoint: &Url) -> Url {
        let mut url = end_session_endpoint.clone();
        let mut query = url.query_pairs_mut();
        if let Some(hint) = &self.id_token_hint {
            query.append_pair("id_token_hint", hint.as_str());
        }
        query
            .append_pair("client_id", self.client_id.as_str())
            .append_pair("post_logout_redirect_uri", self.post_logout_redirect_uri.as_str())
            .append_pair("state", self.state.as_str());
        drop(query);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c155_the_request_names_whom_who_where_and_state() {
        let request = EndSessionRequest {
            id_token_hint: Some(IdTokenHint::parse("e.y.J").unwrap()),
            client_id: ClientId::parse("lab").unwrap(),
            post_logout_redirect_uri: Url::parse("https://lab.example/signed-out").unwrap(),
            state: State::parse("s t").unwrap(),
        };
        let url = request.to_url(&Url::parse("https://op.example/logout?tenant=1").unwrap());
        assert_eq!(
            url.as_str(),
            "https://op.example/logout?tenant=1&id_token_hint=e.y.J&client_id=lab\
             &post_logout_redirect_uri=https%3A%2F%2Flab.example%2Fsigned-out&state=s+t"
        );
    }
}
