use super::SignIn;
use crate::error::{AccessError, Refusal, SignInError};
use crate::ports::Source;
use crate::return_to::ReturnTo;
use crate::sealed::{SealError, SealId, Sealed};
use crate::session::SessionId;
use crate::world::random_base64url;

/// The secret behind a browser's CSRF tokens, which it keeps in a cookie and another site does not know.
///
/// It is the id of the session and not the text of the session's cookie, because that text changes with each
/// renewal and a form in another tab would be refused once. The id is 128 random bits; it stands in the
/// `HttpOnly` cookie and on no page, and in the log only shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrfSecret<'a> {
    /// The session that the browser says it has.
    Session(SessionId),
    /// Without a session, a cookie made for this (a double submit).
    Browser(&'a str),
}

impl CsrfSecret<'_> {
    /// Returns the id under which a token is sealed.
    fn seal_id(&self) -> SealId {
        match self {
            Self::Session(id) => SealId::derived(&["CSRF token of a session\0", &id.to_string()]),
            Self::Browser(secret) => SealId::derived(&["CSRF token of a browser\0", secret]),
        }
    }
}

/// The content of every CSRF token, and of no other seal.
const CONTENT: &[u8] = b"CSRF token";

/// CSRF tokens: our pages put one into their forms, and another site cannot know it. A token is a seal of the lab, bound
/// to the secret: the lab alone makes one, and a token tells nothing of the secret. Any replica takes it. Who knows the
/// secret can ask for a page with one, so it is a defence beside the check of where a request comes from, and no other.
impl SignIn {
    /// Returns 128 random bits in base64url, for the forms of a browser that has no session yet.
    #[must_use]
    pub fn fresh_form_secret(&self) -> String {
        random_base64url::<16>(&*self.ports.entropy)
    }

    /// Makes a CSRF token for a browser with this secret. Each is another one.
    ///
    /// # Errors
    /// When there is no key to seal with.
    pub fn csrf_token(&self, secret: &CsrfSecret<'_>) -> Result<Sealed, SealError> {
        self.ports.sealer.seal(secret.seal_id(), CONTENT)
    }

    /// Returns whether a form brings a CSRF token of the browser with this secret.
    #[must_use]
    pub fn is_csrf_token(&self, secret: &CsrfSecret<'_>, token: &str) -> bool {
        let open = |sealed| self.ports.sealer.open(secret.seal_id(), &sealed);
        Sealed::parse(token).ok().and_then(open).is_some_and(|content| content == CONTENT)
    }

    /// Refuses a state-changing request that another site made a browser send (CSRF).
    #[must_use]
    pub fn refuse_csrf(&self, source: Source) -> Refusal {
        self.refusals().from(source).refuse(SignInError::from(AccessError::CsrfFailed), ReturnTo::main_page())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_in::testing::{World, session};

    #[test]
    fn c178_a_csrf_token_fits_one_secret_only() {
        let sign_in = World::default().scene().sign_in;
        let (id, other) = (session().id, SessionId::parse("AAAAAAAAAAAAAAAAAAAAAQ").unwrap());
        let text = id.to_string();
        let secrets = [
            CsrfSecret::Session(id),
            CsrfSecret::Session(other),
            CsrfSecret::Browser("secret"),
            CsrfSecret::Browser(&text),
            CsrfSecret::Browser(""),
        ];
        for secret in &secrets {
            let token = sign_in.csrf_token(secret).unwrap();
            let fitting = secrets.iter().filter(|other| sign_in.is_csrf_token(other, token.as_str()));
            assert_eq!(fitting.collect::<Vec<_>>(), [secret]);
            assert!(!["", "x", &token.as_str()[1..]].iter().any(|it| sign_in.is_csrf_token(secret, it)));
        }
    }

    #[test]
    fn a_seal_for_another_end_is_no_csrf_token() {
        let sign_in = World::default().scene().sign_in;
        let secret = CsrfSecret::Browser("secret");
        for content in [&b""[..], b"{}", b"CSRF token "] {
            let sealed = sign_in.ports.sealer.seal(secret.seal_id(), content).unwrap();
            assert!(!sign_in.is_csrf_token(&secret, sealed.as_str()), "{content:?}");
        }
    }
}
