/// Defines the errors: variant, name and group in tables of errors, and the `error_description`.
macro_rules! grant_errors {
    ($($variant:ident = $name:literal, $group:literal, $text:literal;)+) => {
        /// A code or refresh token that gives nothing: the description of an `invalid_grant`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub(crate) enum GrantError {
            $(#[error($text)] $variant,)+
        }

        impl GrantError {
            /// Its own name in tables of errors, and that of its group.
            pub(crate) fn names(self) -> [&'static str; 2] {
                match self { $(Self::$variant => [$name, $group],)+ }
            }
        }
    };
}

grant_errors! {
    UnknownCode = "unknown-code", "code", "The code is unknown.";
    ForeignCode = "foreign-code", "code", "The code was given to another client.";
    UsedCode = "used-code", "code", "The code was used before; what it gave has been revoked.";
    ExpiredCode = "expired-code", "code", "The code has expired.";
    RedirectUri = "redirect-uri", "code", "The redirect_uri is not the one of the authorization request.";
    Verifier = "verifier", "pkce", "The code_verifier does not answer the code_challenge.";
    ForgottenGrant = "forgotten-grant", "code", "The grant has been forgotten.";
    UnknownRefresh = "unknown-refresh", "refresh", "The refresh token is unknown.";
    RevokedRefresh = "revoked-refresh", "refresh", "The refresh token has been revoked.";
    ForeignRefresh = "foreign-refresh", "refresh", "The refresh token was given to another client.";
    UsedRefresh = "used-refresh", "refresh",
        "The refresh token was used before; its whole family has been revoked.";
    ExpiredRefresh = "expired-refresh", "refresh", "The refresh token has expired.";
}
