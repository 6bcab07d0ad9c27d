//! The stable codes of refusals.

use crate::text::named;

named! {
    /// The party that can fix an error, as named in documents.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Responsible {
        /// The person, by another try or otherwise.
        Person = "person",
        /// The provider, which is down or breaks the protocol.
        Provider = "provider",
        /// The operator: a setting here, or the registration at the provider.
        Operator = "operator",
        /// Labgate, or the machine that it runs on.
        Labgate = "Labgate",
    }
}

/// Defines the codes, each with its text and the party that can fix it.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $responsible:ident;)+) => {
        named! {
            /// A stable code for a refusal, in `snake_case`. It stands on the page, in the log and in the
            /// API.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            pub enum ErrorCode { $($(#[$doc])* $name = $text,)+ }
        }

        impl ErrorCode {
            /// Returns the party that can fix the error.
            #[must_use]
            pub fn responsible(self) -> Responsible {
                match self { $(Self::$name => Responsible::$responsible,)+ }
            }
        }
    };
}

error_codes! {
    /// No provider of this name is configured.
    ProviderUnknown = "provider_unknown", Operator;
    /// The provider does not answer, or answers with a failure of its own.
    ProviderUnavailable = "provider_unavailable", Provider;
    /// The configuration does not fit the provider's metadata.
    ProviderMisconfigured = "provider_misconfigured", Operator;
    /// The callback's query is not an authorization response.
    CallbackMalformed = "callback_malformed", Provider;
    /// The browser holds no attempt with the callback's `state`.
    AttemptUnknown = "attempt_unknown", Person;
    /// The attempt took too long.
    AttemptExpired = "attempt_expired", Person;
    /// The attempt was used before.
    AttemptSpent = "attempt_spent", Person;
    /// The response states another issuer than the attempt's (RFC 9207).
    IssuerMismatch = "issuer_mismatch", Provider;
    /// The response lacks the issuer that the provider promises (RFC 9207).
    IssuerMissing = "issuer_missing", Provider;
    /// The person, or the provider's policy, denied the sign-in.
    AccessDenied = "access_denied", Person;
    /// The provider must show a page first.
    InteractionRequired = "interaction_required", Person;
    /// The provider is overloaded or under maintenance.
    ProviderBusy = "provider_busy", Provider;
    /// The provider refused the request itself.
    RequestRefused = "request_refused", Operator;
    /// The provider refused the authorization code.
    CodeRejected = "code_rejected", Provider;
    /// The provider refused the client id or its secret.
    ClientRejected = "client_rejected", Operator;
    /// The token endpoint's answer breaks RFC 6749.
    TokenResponseInvalid = "token_response_invalid", Provider;
    /// The ID token breaks a rule.
    IdTokenInvalid = "id_token_invalid", Provider;
    /// The userinfo response is malformed, or is about another subject.
    UserinfoInvalid = "userinfo_invalid", Provider;
    /// The provider states no e-mail address.
    EmailMissing = "email_missing", Operator;
    /// The provider states a malformed e-mail address.
    EmailMalformed = "email_malformed", Provider;
    /// The provider does not state the e-mail address as verified.
    EmailUnverified = "email_unverified", Operator;
    /// An admission rule does not hold.
    NotAdmitted = "not_admitted", Person;
    /// An admission rule needs all groups, and the provider did not name them all.
    GroupsUnknown = "groups_unknown", Operator;
    /// The person has no account, and just-in-time provisioning is off.
    RegistrationClosed = "registration_closed", Person;
    /// Concurrent sign-ins competed for the e-mail address.
    EmailTaken = "email_taken", Person;
    /// The account is disabled.
    AccountDisabled = "account_disabled", Person;
    /// The identity is linked to another account.
    IdentityTaken = "identity_taken", Person;
    /// The browser's session belongs to another account than the one to link.
    AnotherSession = "another_session", Person;
    /// The identity is not linked to the account.
    IdentityUnknown = "identity_unknown", Person;
    /// The credential is the account's last one.
    LastCredential = "last_credential", Person;
    /// The person must authenticate again.
    ReauthenticationNeeded = "reauthentication_needed", Person;
    /// The act needs proof that the person wants it.
    ProofNeeded = "proof_needed", Person;
    /// The provider did not authenticate the person anew.
    NotAuthenticatedAnew = "not_authenticated_anew", Operator;
    /// Another person came back from the provider than the one whose session it is.
    AnotherPerson = "another_person", Person;
    /// A logout token breaks a rule of Back-Channel Logout.
    LogoutTokenInvalid = "logout_token_invalid", Provider;
    /// The request has no session.
    NotSignedIn = "not_signed_in", Person;
    /// Sign-in with a password is off.
    PasswordsOff = "passwords_off", Operator;
    /// The username or the password is wrong.
    CredentialsWrong = "credentials_wrong", Person;
    /// The rate limit is reached.
    RateLimited = "too_many_tries", Person;
    /// The new password is too short or too long.
    PasswordLength = "password_length", Person;
    /// The new password is on the list of common passwords.
    PasswordCommon = "password_common", Person;
    /// The new password is made of the person's or the lab's own words.
    PasswordPersonal = "password_personal", Person;
    /// The new password is easy to guess.
    PasswordGuessable = "password_guessable", Person;
    /// The new password is the old one.
    PasswordUnchanged = "password_unchanged", Person;
    /// The username is malformed.
    UsernameMalformed = "username_malformed", Person;
    /// The username or e-mail address is taken.
    NameTaken = "name_taken", Person;
    /// Self-registration is off.
    SelfRegistrationOff = "self_registration_off", Operator;
    /// The setup link is not valid.
    SetupClosed = "setup_closed", Operator;
    /// The account is not an administrator.
    NotAdministrator = "not_administrator", Person;
    /// The person has yet to accept the terms of service.
    TermsDue = "terms_due", Person;
    /// The terms of service have another version by now.
    TermsChanged = "terms_changed", Person;
    /// The account does not exist.
    AccountUnknown = "account_unknown", Person;
    /// The account is the last active administrator.
    LastAdministrator = "last_administrator", Person;
    /// The account would have too many local groups.
    TooManyGroups = "too_many_groups", Person;
    /// A valid access token is needed.
    AccessTokenInvalid = "invalid_token", Person;
    /// The access token opens something else.
    InsufficientScope = "insufficient_scope", Person;
    /// The access token that is asked for has no name, no scope, or an unfit life.
    AccessTokenMalformed = "access_token_malformed", Person;
    /// The account has no such access token.
    AccessTokenUnknown = "access_token_unknown", Person;
    /// The account would have too many access tokens.
    TooManyAccessTokens = "too_many_access_tokens", Person;
    /// Too many passwords are being checked at the moment.
    Busy = "busy", Labgate;
    /// The request failed the CSRF check.
    CsrfFailed = "csrf_failed", Person;
    /// What was written is no service, or it cannot stand beside the others.
    ServiceInvalid = "service_invalid", Person;
    /// No service with this id was added.
    ServiceUnknown = "service_unknown", Person;
    /// The service is in the configuration.
    ServiceConfigured = "service_configured", Operator;
    /// The service was changed since the administrator saw it.
    DefinitionChanged = "definition_changed", Person;
    /// The services were changed at the same time.
    ServicesChanged = "services_changed", Person;
    /// The person may not use the service in this way.
    NotPermitted = "not_permitted", Person;
    /// No service has the request's target, or it can be read in two ways.
    TargetRefused = "target_refused", Operator;
    /// The database does not answer, or cannot do what it was asked.
    StoreUnavailable = "store_unavailable", Labgate;
    /// Labgate failed.
    Internal = "internal", Labgate;
}

/// Gives an error of one subject its `code()`.
macro_rules! codes {
    ($error:ident { $($variant:ident => $code:ident),+ $(,)? }) => {
        impl $error {
            /// Returns the stable code.
            #[must_use]
            pub fn code(&self) -> ErrorCode {
                match self { $(Self::$variant { .. } => ErrorCode::$code,)+ }
            }
        }
    };
}
pub(super) use codes;
