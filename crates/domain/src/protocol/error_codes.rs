//! The error codes of a provider.

use crate::ForeignText;

/// Defines an enum of wire codes that keeps an unknown one as cleaned text.
macro_rules! error_codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A code of no implemented specification.
            Other(ForeignText),
        }

        impl $name {
            /// Parses the code from a response.
            #[must_use]
            pub fn parse(code: &str) -> Self {
                match code {
                    $($text => Self::$variant,)+
                    other => Self::Other(ForeignText::new(other)),
                }
            }

            /// Returns the code's text on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text.as_str(),
                }
            }
        }
    };
}

error_codes! {
    /// The `error` of an authorization response (RFC 6749 section 4.1.2.1, OpenID Connect Core section
    /// 3.1.2.6).
    AuthorizationErrorCode {
        /// The person, or the provider's policy, denied the request.
        AccessDenied = "access_denied",
        /// The provider must ask the person to sign in.
        LoginRequired = "login_required",
        /// The provider must show a page.
        InteractionRequired = "interaction_required",
        /// The provider must ask for consent.
        ConsentRequired = "consent_required",
        /// The provider must ask the person to choose an account.
        AccountSelectionRequired = "account_selection_required",
        /// The provider is overloaded or under maintenance.
        TemporarilyUnavailable = "temporarily_unavailable",
        /// The provider met an unexpected condition.
        ServerError = "server_error",
        /// The request lacks a parameter or has a bad one.
        InvalidRequest = "invalid_request",
        /// This client may not use this flow.
        UnauthorizedClient = "unauthorized_client",
        /// The provider does not support the code flow.
        UnsupportedResponseType = "unsupported_response_type",
        /// A requested scope is unknown or not granted to this client.
        InvalidScope = "invalid_scope",
        /// The request by reference could not be fetched.
        InvalidRequestUri = "invalid_request_uri",
        /// The request object is invalid.
        InvalidRequestObject = "invalid_request_object",
        /// Request objects are not supported.
        RequestNotSupported = "request_not_supported",
    }
}

error_codes! {
    /// The `error` of a token response (RFC 6749 section 5.2).
    TokenErrorCode {
        /// The code is wrong, used, expired, or was issued for another client, redirect URI or verifier.
        InvalidGrant = "invalid_grant",
        /// The client could not be authenticated.
        InvalidClient = "invalid_client",
        /// The client may not use this grant. Some providers send this for a wrong secret.
        UnauthorizedClient = "unauthorized_client",
        /// The request lacks a parameter or has a bad one.
        InvalidRequest = "invalid_request",
        /// The grant type is not supported.
        UnsupportedGrantType = "unsupported_grant_type",
        /// A scope is unknown or exceeds the grant.
        InvalidScope = "invalid_scope",
        /// The provider met an unexpected condition.
        ServerError = "server_error",
        /// The provider is overloaded or under maintenance.
        TemporarilyUnavailable = "temporarily_unavailable",
    }
}
