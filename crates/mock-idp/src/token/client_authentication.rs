use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use labgate_domain::ForeignText;
use url::form_urlencoded;

use crate::client::RegisteredClient;
use crate::issuer::IssuerCore;
use crate::protocol::{Parameters, TokenRefusal};

/// Authenticates the client, by `client_secret_basic` or `client_secret_post`, never by both (RFC 6749
/// section 2.3).
pub(super) fn authenticate<'a>(
    issuer: &'a IssuerCore,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<&'a RegisteredClient, TokenRefusal> {
    let posted_id = form.one("client_id")?;
    let posted_secret = form.one("client_secret")?;
    let (id, secret) = match (headers.get(AUTHORIZATION), posted_secret) {
        (Some(_), Some(_)) => {
            return Err(TokenRefusal::Invalid("the client authenticates in two ways at once"));
        }
        (Some(header), None) => {
            let credentials = header.to_str().ok().and_then(basic);
            credentials
                .ok_or(TokenRefusal::NoCredentials("the Authorization header is not of the scheme Basic"))?
        }
        (None, Some(secret)) => {
            let id = posted_id.ok_or(TokenRefusal::NoCredentials("the parameter client_id is missing"))?;
            (id.to_owned(), secret.to_owned())
        }
        (None, None) => return Err(TokenRefusal::NoCredentials("the client does not authenticate")),
    };
    if posted_id.is_some_and(|posted| posted != id) {
        return Err(TokenRefusal::Invalid("client_id is not the client that authenticates"));
    }
    let unknown = || TokenRefusal::UnknownClient(ForeignText::new(&id));
    let client = issuer.client(&id).ok_or_else(unknown)?;
    if client.has_secret(&secret) { Ok(client) } else { Err(TokenRefusal::WrongSecret) }
}

/// The id and secret of a Basic header, each form-urlencoded inside (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

/// `=` and `&` never stand bare in an encoded value: where a client leaves them bare, they are taken as they
/// are.
fn form_decoded(text: &str) -> String {
    let guarded = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(guarded.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c011_credentials_are_form_decoded_after_base64() {
        let header = format!("Basic {}", BASE64_STANDARD.encode("a%3Ab+c:p%25q%2B%3D%C3%A4"));
        assert_eq!(basic(&header), Some(("a:b c".to_owned(), "p%q+=ä".to_owned())));
        assert_eq!(basic("basic bGFiOng9PQ=="), Some(("lab".to_owned(), "x==".to_owned())));
    }

    #[test]
    fn what_is_not_basic_is_refused() {
        for bad in ["Bearer x", "Basic", "Basic !", "Basic bGFi", "Basic /w=="] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
