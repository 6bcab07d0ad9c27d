//! Why a sign-in was refused: for the person, for the operator, and as a stable code.

use std::fmt;

use crate::ForeignText;
use crate::sealed::SealId;
use std::time::Duration;

use crate::admission::Criterion;
use crate::people::EmailAddress;
use crate::ports::{
    HashingError, LogoutTokenError, PasswordWeakness, ProviderError, SigningError, StoreError,
};
use crate::protocol::{AuthorizationErrorCode, MalformedResponse, Subject};
use crate::provider::ProviderId;
use crate::return_to::ReturnTo;
use crate::sealed::SealError;
use crate::world::Entropy;

/// Why somebody was not signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No provider is configured, or none of this name.
    #[error("no such provider is configured")]
    ProviderUnknown,
    /// The provider, or what is configured of it, failed.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The callback's query is not an authorization response.
    #[error("the callback is not an authorization response: {0}")]
    CallbackMalformed(#[from] MalformedResponse),
    /// The browser holds no attempt with this `state`: another browser's callback, or the cookie was lost.
    #[error("this browser did not start the sign-in that the callback answers")]
    AttemptUnknown,
    /// The attempt took longer than [`SignInAttempt::LIFETIME`](crate::attempt::SignInAttempt::LIFETIME).
    #[error("the sign-in took too long")]
    AttemptExpired,
    /// The attempt was used before.
    #[error("the sign-in was finished before")]
    AttemptSpent,
    /// The response states another issuer than the attempt was sent to (RFC 9207).
    #[error("the response comes from {stated}, not from the provider that was asked")]
    IssuerMismatch {
        /// The issuer that the response states.
        stated: ForeignText,
    },
    /// The response states no issuer, though the provider promises to (RFC 9207).
    #[error("the response does not state its issuer, though the provider promises to")]
    IssuerMissing,
    /// The provider answered with an error instead of a code.
    #[error("the provider answered {}{}", code.as_str(), description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// Which.
        code: AuthorizationErrorCode,
        /// In the provider's words.
        description: Option<ForeignText>,
    },
    /// The provider states no e-mail address for the person.
    #[error("the provider states no e-mail address")]
    EmailMissing,
    /// What the provider states as the e-mail address is not one.
    #[error("what the provider states as the e-mail address is not one")]
    EmailMalformed,
    /// The provider does not state the e-mail address as verified.
    #[error("the provider does not state {address} as verified")]
    EmailUnverified {
        /// The address.
        address: EmailAddress,
    },
    /// The operator's rules do not let the person in.
    #[error("the rule about {} does not let {subject} in, of whom the provider states {}", rule.as_str(), if stated.as_str().is_empty() { "nothing for it" } else { stated.as_str() })]
    NotAdmitted {
        /// The rule that does not hold.
        rule: Criterion,
        /// Who wants to come in.
        subject: Subject,
        /// What the rule looked at.
        stated: ForeignText,
    },
    /// A rule looks at groups, and the provider did not name all of the person's.
    #[error("the provider did not name all groups of the person, and a rule looks at them")]
    GroupsUnknown,
    /// There is no account, and accounts are not created by themselves.
    #[error("there is no account for {address}, and self-registration is off")]
    RegistrationClosed {
        /// The address of the person.
        address: EmailAddress,
    },
    /// Others were signing in with the address again and again at the same moment.
    #[error("what the e-mail address {address} opens changed while the person signed in")]
    EmailTaken {
        /// The address.
        address: EmailAddress,
    },
    /// An administrator has switched the account off.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The identity opens another account. Which is not said.
    #[error("the identity opens another account")]
    IdentityTaken,
    /// The browser is signed in to another account than the one that the identity was to open.
    #[error("the browser is signed in to another account by now")]
    AnotherSession,
    /// The account is not opened by this identity.
    #[error("the account is not opened by this identity")]
    IdentityUnknown,
    /// Nothing else opens the account.
    #[error("nothing else opens the account")]
    LastCredential,
    /// The session is too old to change what opens the account, and no password came with the request.
    #[error("the person must prove again who they are")]
    ReauthenticationNeeded,
    /// A provider's logout token is not good.
    #[error(transparent)]
    LogoutToken(#[from] LogoutTokenError),
    /// A session is needed, and there is none.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Signing in with a password is switched off.
    #[error("signing in with a password is switched off")]
    PasswordsOff,
    /// The name is nobody's, or the password is not the person's, or the account is disabled or has none: on purpose it
    /// is not told apart.
    #[error("the name or the password is wrong")]
    CredentialsWrong,
    /// Too many wrong passwords in a row.
    #[error("too many tries; the next one may come in {} s", .wait.as_secs())]
    TooManyTries {
        /// How long to wait.
        wait: Duration,
    },
    /// A new password is too short or too long.
    #[error("the new password is too short or too long")]
    PasswordLength,
    /// A new password is too easy to guess.
    #[error("the new password is too easy to guess")]
    PasswordWeak(PasswordWeakness),
    /// A new password is the old one.
    #[error("the new password is the old one")]
    PasswordUnchanged,
    /// What somebody wants to be called is not a username.
    #[error("that is not a username")]
    UsernameMalformed,
    /// What somebody wants to be called, or their e-mail address, is another account's.
    #[error("the name or address is taken")]
    NameTaken,
    /// People do not register themselves here.
    #[error("self-registration is off")]
    SelfRegistrationOff,
    /// There is an administrator already, or the setup link is not the one.
    #[error("the setup link is not valid")]
    SetupClosed,
    /// Only an administrator may do that.
    #[error("only an administrator may do that")]
    NotAdministrator,
    /// There is no such account.
    #[error("there is no such account")]
    AccountUnknown,
    /// It is the last active administrator.
    #[error("it is the last active administrator")]
    LastAdministrator,
    /// A password could not be hashed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// A state-changing request came from another site.
    #[error("the request came from another site")]
    CrossSite,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealing the attempt failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Signing the token failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The person, by trying again or otherwise.
    Person,
    /// The provider, which is down or breaks the protocol.
    Provider,
    /// The operator: a setting here, or the registration at the provider.
    Configuration,
    /// We, or what we run on.
    Labgate,
}

/// Defines the codes with what they tell the person and the operator; `docs/errors.md` lists the same.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $fault:ident, $person:literal, $operator:literal;)+) => {
        /// A stable code for a refusal, in `snake_case`: it stands on the page, in the log and in the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name,)+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Who can mend it.
            #[must_use]
            pub fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)+ }
            }

            /// What the person is told.
            #[must_use]
            pub fn for_person(self) -> &'static str {
                match self { $(Self::$name => $person,)+ }
            }

            /// What the operator can do.
            #[must_use]
            pub fn for_operator(self) -> &'static str {
                match self { $(Self::$name => $operator,)+ }
            }
        }
    };
}

error_codes! {
    /// No such provider.
    ProviderUnknown = "provider_unknown", Configuration,
        "This way of signing in is not set up here.",
        "Set the four LAB_EXTERNAL_OIDC_* settings, or correct the provider in the link: GET /api/auth/oidc/enabled names the settings that are missing and the providers that there are.";
    /// The provider is down.
    ProviderUnavailable = "provider_unavailable", Provider,
        "The sign-in provider does not answer properly at the moment. Please try again in a few minutes.",
        "The log says which call failed and how. Labgate asks again by itself; nothing needs restarting.";
    /// The configuration does not fit the provider.
    ProviderMisconfigured = "provider_misconfigured", Configuration,
        "This lab's sign-in is not set up correctly. Please tell its operator.",
        "The log says which setting does not fit what the provider publishes.";
    /// Not an authorization response.
    CallbackMalformed = "callback_malformed", Provider,
        "The answer of the sign-in provider could not be read. Please start again.",
        "The callback was called with missing, doubled or malformed parameters: by hand, by a scanner, or by a proxy that rewrites queries.";
    /// No attempt of this browser.
    AttemptUnknown = "attempt_unknown", Person,
        "Your browser did not bring back the cookie of this sign-in. Please start again; if that does not help, allow cookies for this site.",
        "The callback came from another browser than the one that started, after a restart with a new data directory, or under another host than the public URL. A forged callback looks like this, too.";
    /// Too slow.
    AttemptExpired = "attempt_expired", Person,
        "The sign-in took longer than ten minutes. Please start again.",
        "Nothing to do.";
    /// Used before.
    AttemptSpent = "attempt_spent", Person,
        "This sign-in was finished before. Please start again.",
        "A reload or a double click. If it happens at every sign-in, something requests the callback twice: a proxy that retries, or a link scanner.";
    /// Another issuer.
    IssuerMismatch = "issuer_mismatch", Provider,
        "The answer came from another sign-in provider than the one that was asked. Nothing was sent to it. Please start again.",
        "A mix-up attack looks like this (RFC 9207). If it happens at every sign-in, the configured issuer is not the one the provider states in its callback; the log names it.";
    /// No issuer.
    IssuerMissing = "issuer_missing", Provider,
        "The answer of the sign-in provider lacks a part that it promises. Please start again.",
        "The provider's metadata promises the iss parameter (RFC 9207) and the callback came without it: a proxy strips it, or somebody tampered with it.";
    /// The person said no.
    AccessDenied = "access_denied", Person,
        "The sign-in was cancelled.",
        "The person cancelled, or the provider does not let this person use this application: see its sign-in log.";
    /// The provider wants to show a page.
    InteractionRequired = "interaction_required", Person,
        "The sign-in provider wants to ask you something first. Please start again.",
        "Labgate never asks for a silent sign-in, so the provider's policy decided this: see its sign-in log.";
    /// The provider is busy.
    ProviderBusy = "provider_busy", Provider,
        "The sign-in provider is busy. Please try again in a few minutes.",
        "The provider answered temporarily_unavailable or server_error: see its status page.";
    /// The provider refused the request.
    RequestRefused = "request_refused", Configuration,
        "The sign-in provider refused this lab's request. Please tell the lab's operator.",
        "The log has the provider's error: mostly a scope, a client id or a redirect URI that is not registered there.";
    /// The code was refused.
    CodeRejected = "code_rejected", Provider,
        "The sign-in provider did not accept its own answer any more. Please start again.",
        "invalid_grant: the code was used or had expired. If it happens at every sign-in, compare the redirect URI registered at the provider with the public URL, and the clocks.";
    /// The client was refused.
    ClientRejected = "client_rejected", Configuration,
        "This lab is not set up correctly at the sign-in provider. Please tell its operator.",
        "The provider refused client id or secret: compare them; paste the secret's value and not its id; see whether it has expired.";
    /// The token endpoint's answer is wrong.
    TokenResponseInvalid = "token_response_invalid", Provider,
        "The answer of the sign-in provider could not be used. Please tell the lab's operator if this goes on.",
        "The token endpoint's answer breaks RFC 6749 section 5.1 or has no identity token; the log says how. A token URL that points elsewhere looks like this.";
    /// The identity token is wrong.
    IdTokenInvalid = "id_token_invalid", Provider,
        "The sign-in provider's statement about you could not be trusted. Please tell the lab's operator if this goes on.",
        "The log names the rule that the identity token broke. If it is the time, compare both clocks; the others are a wrong issuer or client id, or an attack.";
    /// The userinfo answer is wrong.
    UserinfoInvalid = "userinfo_invalid", Provider,
        "The sign-in provider's statement about you could not be trusted. Please tell the lab's operator if this goes on.",
        "The userinfo endpoint's answer could not be used, or was about somebody else; the log says how.";
    /// No address.
    EmailMissing = "email_missing", Configuration,
        "The sign-in provider did not tell your e-mail address, which is your name here. Please tell the lab's operator.",
        "Let the provider release the email claim to this client, or give the person an address there.";
    /// Not an address.
    EmailMalformed = "email_malformed", Provider,
        "What the sign-in provider states as your e-mail address is not one. Please tell the lab's operator.",
        "Correct the person's address at the provider.";
    /// Not verified.
    EmailUnverified = "email_unverified", Configuration,
        "Your e-mail address is not verified at the sign-in provider. Please verify it there and sign in again.",
        "The person verifies the address at the provider. If the provider hands out only addresses that it owns, say so in its entry: LAB_EXTERNAL_OIDC_EMAIL_TRUST=provider.";
    /// The rules say no.
    NotAdmitted = "not_admitted", Person,
        "This lab is not open to your account at the sign-in provider. Please ask the lab's administrator.",
        "The log names the rule that did not hold; labgate admission check says what a person's claims lead to.";
    /// Too many groups.
    GroupsUnknown = "groups_unknown", Configuration,
        "The sign-in provider did not say which groups you are in. Please tell the lab's operator.",
        "The person is in more groups than fit into the identity token (Entra: over 200). Let the provider state only the groups that are assigned to the application, or set LAB_EXTERNAL_OIDC_FETCH_GROUPS=true.";
    /// No account.
    RegistrationClosed = "registration_closed", Person,
        "You have no account here yet, and this lab does not create accounts by itself. Please ask its administrator for one.",
        "Create the account first, or set ALLOW_SELF_REGISTRATIONS=true.";
    /// Another account's address.
    EmailTaken = "email_taken", Person,
        "Somebody else was signing in with your e-mail address at the same moment. Please start again.",
        "Two first sign-ins of one address met. If it happens again, another account has the address: labgate account show ADDRESS finds it, and its person's page /account what opens it.";
    /// Disabled.
    AccountDisabled = "account_disabled", Person,
        "Your account is disabled. Please ask the lab's administrator.",
        "Enable the account if the person should be let in.";
    /// Another account's identity.
    IdentityTaken = "identity_taken", Person,
        "That sign-in belongs to another account here already, so it was not added to yours.",
        "The person has two accounts. Delete the one that is not needed; then the sign-in can be added to the other.";
    /// Another session.
    AnotherSession = "another_session", Person,
        "While you were adding a way to sign in, somebody signed in to another account in this browser. Nothing was added.",
        "Two people share a browser, or somebody tried to add a sign-in of their own to another person's account.";
    /// Not an identity of the account.
    IdentityUnknown = "identity_unknown", Person,
        "Your account is not opened by that sign-in.",
        "It was removed before, or it is another person's.";
    /// The last thing that opens the account.
    LastCredential = "last_credential", Person,
        "Nothing else opens your account, so this stays. Add another way of signing in first.",
        "labgate account reset-password gives the account a password as another way in.";
    /// Prove it again.
    ReauthenticationNeeded = "reauthentication_needed", Person,
        "To change how your account is opened, please enter your password, or sign in anew and come back within ten minutes.",
        "Nothing to do: an open session alone is not enough for this, on purpose.";
    /// A bad logout token.
    LogoutTokenInvalid = "logout_token_invalid", Provider,
        "The sign-in provider's message that a session has ended could not be used.",
        "The log names the rule of Back-Channel Logout that the logout token broke. If it is the time, compare both clocks. Messages of another client or a forger look like this, too.";
    /// Nobody.
    NotSignedIn = "not_signed_in", Person,
        "You are not signed in.",
        "No session cookie, or one that opens nothing any more. The log has the reason at the level debug.";
    /// No passwords.
    PasswordsOff = "passwords_off", Configuration,
        "Signing in with a password is switched off here.",
        "Set LABGATE_PASSWORDS__ENABLED=true if people should be able to.";
    /// Wrong name or password.
    CredentialsWrong = "credentials_wrong", Person,
        "The name or the password is wrong.",
        "Unknown names, wrong passwords and disabled accounts look alike on purpose. labgate account reset-password gives somebody a new one.";
    /// Too many tries.
    TooManyTries = "too_many_tries", Person,
        "There were too many tries. Please wait a few minutes, then try again.",
        "Somebody guesses, or has forgotten the password. The wait grows to 15 minutes and ends by itself.";
    /// Too short or too long.
    PasswordLength = "password_length", Person,
        "This password is too short or too long.",
        "The section passwords of the configuration sets the limits.";
    /// Common.
    PasswordCommon = "password_common", Person,
        "This password is one of the first that an attacker tries. Please choose another one.",
        "It is on the list of common passwords.";
    /// Personal.
    PasswordPersonal = "password_personal", Person,
        "This password is made of your own name or the lab's. Please choose another one.",
        "An attacker who knows the person tries that first.";
    /// Guessable.
    PasswordGuessable = "password_guessable", Person,
        "This password is easy to guess. Please choose another one, such as four words that have nothing to do with each other.",
        "The estimate of its strength is too low.";
    /// Unchanged.
    PasswordUnchanged = "password_unchanged", Person,
        "This is the password that you have already. Please choose another one.",
        "Nothing to do.";
    /// Not a username.
    UsernameMalformed = "username_malformed", Person,
        "A username has up to 64 letters from a to z, digits, dots, hyphens and underscores, and begins with a letter or a digit.",
        "E-mail addresses are names of accounts from an external provider only, which no password opens.";
    /// Taken.
    NameTaken = "name_taken", Person,
        "This name is taken. Please choose another one.",
        "Usernames and e-mail addresses are one set of names.";
    /// No self-registration.
    SelfRegistrationOff = "self_registration_off", Configuration,
        "This lab does not let people register themselves. Please ask its administrator for an account.",
        "ALLOW_SELF_REGISTRATIONS is false, or a provider is set up: then accounts with passwords are an administrator's to make.";
    /// No setup.
    SetupClosed = "setup_closed", Configuration,
        "This setup link is not valid.",
        "There is an administrator already, or the link is of an earlier start: the newest one stands in the file setup-link of the data directory. labgate account create --admin works, too.";
    /// Not an administrator.
    NotAdministrator = "not_administrator", Person,
        "Only an administrator may do that.",
        "labgate account set-role makes somebody an administrator.";
    /// No such account.
    AccountUnknown = "account_unknown", Person,
        "There is no such account.",
        "It was deleted, or never existed.";
    /// The last one.
    LastAdministrator = "last_administrator", Person,
        "This is the last active administrator. Please make somebody else one first.",
        "Without one nobody could administer the lab any more.";
    /// Busy.
    Busy = "busy", Labgate,
        "Too many people are signing in at this moment. Please try again in a few seconds.",
        "The pool that checks passwords is full: more cores, or somebody is guessing.";
    /// Not from here.
    CrossSite = "cross_site", Person,
        "This request did not come from a page of this lab, so nothing was done.",
        "Another site made the browser send it. If it is your own front end, it must be served under the public URL; a program of yours sends the header Origin with that URL.";
    /// Our failure.
    Internal = "internal", Labgate,
        "Something went wrong here. Please try again in a moment.",
        "The log says what failed: mostly the database or the data directory.";
}

impl SignInError {
    /// The whole error, if there is something in it that a provider has said in its own words.
    #[must_use]
    pub fn provider_message(&self) -> Option<String> {
        let has_words = matches!(
            self,
            Self::Refused { .. }
                | Self::Provider(
                    ProviderError::CodeRejected(_)
                        | ProviderError::RefreshRejected(_)
                        | ProviderError::ClientRejected(_)
                        | ProviderError::TokenError { .. }
                        | ProviderError::Unavailable { .. }
                )
        );
        has_words.then(|| self.to_string())
    }

    /// Whether what was presented, an attempt or a ticket, will never be of use again.
    #[must_use]
    pub fn ends_attempt(&self) -> bool {
        matches!(self, Self::AttemptUnknown | Self::AttemptExpired | Self::AttemptSpent)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        use AuthorizationErrorCode as Authz;
        match self {
            Self::ProviderUnknown => ErrorCode::ProviderUnknown,
            Self::Provider(error) => match error {
                ProviderError::Unavailable { .. } => ErrorCode::ProviderUnavailable,
                ProviderError::Misconfigured(_) => ErrorCode::ProviderMisconfigured,
                ProviderError::CodeRejected(_) => ErrorCode::CodeRejected,
                ProviderError::RefreshRejected(_) => ErrorCode::AccessDenied,
                ProviderError::ClientRejected(_) => ErrorCode::ClientRejected,
                ProviderError::TokenError { .. } => ErrorCode::RequestRefused,
                ProviderError::TokenResponse(_) | ProviderError::IdTokenMissing => {
                    ErrorCode::TokenResponseInvalid
                }
                ProviderError::IdToken(_) => ErrorCode::IdTokenInvalid,
                ProviderError::UserInfo(_) => ErrorCode::UserinfoInvalid,
            },
            Self::CallbackMalformed(_) => ErrorCode::CallbackMalformed,
            Self::AttemptUnknown => ErrorCode::AttemptUnknown,
            Self::AttemptExpired => ErrorCode::AttemptExpired,
            Self::AttemptSpent => ErrorCode::AttemptSpent,
            Self::IssuerMismatch { .. } => ErrorCode::IssuerMismatch,
            Self::IssuerMissing => ErrorCode::IssuerMissing,
            Self::Refused { code, .. } => match code {
                Authz::AccessDenied => ErrorCode::AccessDenied,
                Authz::LoginRequired
                | Authz::InteractionRequired
                | Authz::ConsentRequired
                | Authz::AccountSelectionRequired => ErrorCode::InteractionRequired,
                Authz::TemporarilyUnavailable | Authz::ServerError => ErrorCode::ProviderBusy,
                _ => ErrorCode::RequestRefused,
            },
            Self::EmailMissing => ErrorCode::EmailMissing,
            Self::EmailMalformed => ErrorCode::EmailMalformed,
            Self::EmailUnverified { .. } => ErrorCode::EmailUnverified,
            Self::NotAdmitted { .. } => ErrorCode::NotAdmitted,
            Self::GroupsUnknown => ErrorCode::GroupsUnknown,
            Self::RegistrationClosed { .. } => ErrorCode::RegistrationClosed,
            Self::EmailTaken { .. } => ErrorCode::EmailTaken,
            Self::AccountDisabled => ErrorCode::AccountDisabled,
            Self::IdentityTaken => ErrorCode::IdentityTaken,
            Self::AnotherSession => ErrorCode::AnotherSession,
            Self::IdentityUnknown => ErrorCode::IdentityUnknown,
            Self::LastCredential => ErrorCode::LastCredential,
            Self::ReauthenticationNeeded => ErrorCode::ReauthenticationNeeded,
            Self::LogoutToken(_) => ErrorCode::LogoutTokenInvalid,
            Self::NotSignedIn => ErrorCode::NotSignedIn,
            Self::PasswordsOff => ErrorCode::PasswordsOff,
            Self::CredentialsWrong => ErrorCode::CredentialsWrong,
            Self::TooManyTries { .. } => ErrorCode::TooManyTries,
            Self::PasswordLength => ErrorCode::PasswordLength,
            Self::PasswordWeak(weakness) => match weakness {
                PasswordWeakness::Common => ErrorCode::PasswordCommon,
                PasswordWeakness::Personal => ErrorCode::PasswordPersonal,
                PasswordWeakness::Guessable => ErrorCode::PasswordGuessable,
            },
            Self::PasswordUnchanged => ErrorCode::PasswordUnchanged,
            Self::UsernameMalformed => ErrorCode::UsernameMalformed,
            Self::NameTaken => ErrorCode::NameTaken,
            Self::SelfRegistrationOff => ErrorCode::SelfRegistrationOff,
            Self::SetupClosed => ErrorCode::SetupClosed,
            Self::NotAdministrator => ErrorCode::NotAdministrator,
            Self::AccountUnknown => ErrorCode::AccountUnknown,
            Self::LastAdministrator => ErrorCode::LastAdministrator,
            Self::Hashing(HashingError::Busy) => ErrorCode::Busy,
            Self::CrossSite => ErrorCode::CrossSite,
            Self::Store(_) | Self::Seal(_) | Self::Signing(_) | Self::Hashing(HashingError::Failed) => {
                ErrorCode::Internal
            }
        }
    }
}

/// A short text that a person can read out and an operator can look up, such as `7K3M-Q2XP`: 40 random bits in
/// Crockford's base 32.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// A fresh reference.
    #[must_use]
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        let mut text = String::with_capacity(9);
        for (position, byte) in bytes.into_iter().enumerate() {
            if position == 4 {
                text.push('-');
            }
            // Five bits always index the alphabet.
            text.extend(ALPHABET.get(usize::from(byte & 0x1f)).copied().map(char::from));
        }
        Self(text)
    }

    /// The reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A refused sign-in, recorded under its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the person quotes and the operator looks up.
    pub reference: Reference,
    /// Why.
    pub error: SignInError,
    /// The attempt that is over, if the refusal belongs to one.
    pub attempt: Option<SealId>,
    /// At which provider, if that is known.
    pub provider: Option<ProviderId>,
    /// What the provider's own words mean, and what whoever runs the lab can do; where they are known.
    pub explanation: Option<&'static str>,
    /// Where the person wanted to go: a new attempt should lead there.
    pub return_to: ReturnTo,
}
