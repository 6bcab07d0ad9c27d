//! Values that one side generates and the other only hands back: `state`, `nonce`, the authorization code,
//! and the tokens for logout.

use super::Malformed;
use crate::text::secret_text;
use crate::world::{Entropy, random_base64url};

/// Defines a secret protocol value: visible ASCII, bounded, compared in constant time, never printed.
macro_rules! opaque_value {
    ($(#[$doc:meta])* $name:ident, $parameter:literal, max $max:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted value, in bytes.
            pub const MAX_LEN: usize = $max;

            /// Parses the value from a parameter.
            ///
            /// # Errors
            /// When it is empty, longer than [`Self::MAX_LEN`], or not visible ASCII (RFC 6749 appendix A).
            pub fn parse(value: &str) -> Result<Self, Malformed> {
                let well_formed = !value.is_empty()
                    && value.len() <= Self::MAX_LEN
                    && value.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
                if well_formed { Ok(Self(value.to_owned())) } else { Err(Malformed($parameter)) }
            }
        }

        secret_text!($name);
    };
}

opaque_value! {
    /// The `state` parameter: binds an authorization response to the browser that asked for it (RFC 6749
    /// section 10.12).
    State, "state", max 512
}

opaque_value! {
    /// The `nonce`: binds an ID token to the request that asked for it (OpenID Connect Core section 15.5.2).
    Nonce, "nonce", max 512
}

opaque_value! {
    /// The authorization code: single use, worth a sign-in until it is redeemed (RFC 6749 section 4.1.2).
    AuthorizationCode, "code", max 16_384
}

opaque_value! {
    /// The `sid` claim: the id of a session at a provider, for logout (OpenID Connect Back-Channel Logout
    /// section 2.1).
    ProviderSessionId, "sid", max 255
}

opaque_value! {
    /// The `id_token_hint`: an ID token handed back to the provider that issued it, to identify the person to
    /// sign out (OpenID Connect RP-Initiated Logout section 2). It travels in a URL, so a long token makes no
    /// hint.
    IdTokenHint, "id_token_hint", max 2048
}

opaque_value! {
    /// A refresh token: authorises a later request about a person who signed in (RFC 6749 section 1.5). A
    /// longer one is not kept, because it is stored sealed.
    RefreshToken, "refresh_token", max 2560
}

opaque_value! {
    /// The `request_uri` of a pushed authorization request (RFC 9126 section 2.2): stands for its parameters,
    /// once and for a short time.
    RequestUri, "request_uri", max 512
}

impl State {
    /// Returns a fresh `state` of 256 random bits.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_base64url::<32>(entropy))
    }
}

impl Nonce {
    /// Returns a fresh `nonce` of 256 random bits.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_base64url::<32>(entropy))
    }
}

impl AuthorizationCode {
    /// Returns a fresh code of 256 random bits, as a provider makes it.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        Self(random_base64url::<32>(entropy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c032_control_and_foreign_characters_and_long_values_are_refused() {
        for bad in ["", "a\nb", "a\u{7f}", "ä", "a\0b", &"x".repeat(513)] {
            assert_eq!(State::parse(bad), Err(Malformed("state")), "{bad:?}");
        }
        assert!(State::parse(&"x".repeat(512)).is_ok());
        assert!(AuthorizationCode::parse(&"x".repeat(16_385)).is_err());
    }

    #[test]
    fn c190_debug_never_shows_the_value() {
        let state = State::parse("planted-secret").unwrap();
        assert_eq!(format!("{state:?}"), "State([redacted])");
    }
}
