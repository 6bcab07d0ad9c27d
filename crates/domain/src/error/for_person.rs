use super::ErrorCode;

impl ErrorCode {
    /// Returns the sentence for the person.
    #[must_use]
    pub fn for_person(self) -> &'static str {
        match self {
            Self::ProviderUnknown => "This way of signing in is not set up here.",
            Self::ProviderUnavailable => {
                "The sign-in provider does not answer properly at the moment. Please try again in a few minutes."
            }
            Self::ProviderMisconfigured => {
                "This lab's sign-in is not set up correctly. Please tell its operator."
            }
            Self::CallbackMalformed => {
                "The answer of the sign-in provider could not be read. Please start again."
            }
            Self::AttemptUnknown => {
                "Your browser did not bring back the cookie of this sign-in. Please start again; if that does not help, allow cookies for this site."
            }
            Self::AttemptExpired => "The sign-in took longer than ten minutes. Please start again.",
            Self::AttemptSpent => "This sign-in was finished before. Please start again.",
            Self::IssuerMismatch => {
                "The answer came from another sign-in provider than the one that was asked. Nothing was sent to it. Please start again."
            }
            Self::IssuerMissing => {
                "The answer of the sign-in provider lacks a part that it promises. Please start again."
            }
            Self::AccessDenied => "The sign-in was cancelled.",
            Self::InteractionRequired => {
                "The sign-in provider wants to ask you something first. Please start again."
            }
            Self::ProviderBusy => "The sign-in provider is busy. Please try again in a few minutes.",
            Self::RequestRefused => {
                "The sign-in provider refused this lab's request. Please tell the lab's operator."
            }
            Self::CodeRejected => {
                "The sign-in provider did not accept its own answer any more. Please start again."
            }
            Self::ClientRejected => {
                "This lab is not set up correctly at the sign-in provider. Please tell its operator."
            }
            Self::TokenResponseInvalid => {
                "The answer of the sign-in provider could not be used. Please tell the lab's operator if this goes on."
            }
            Self::IdTokenInvalid => {
                "The sign-in provider's statement about you could not be trusted. Please tell the lab's operator if this goes on."
            }
            Self::UserinfoInvalid => {
                "The sign-in provider's statement about you could not be trusted. Please tell the lab's operator if this goes on."
            }
            Self::EmailMissing => {
                "The sign-in provider did not tell your e-mail address, which is your name here. Please tell the lab's operator."
            }
            Self::EmailMalformed => {
                "What the sign-in provider states as your e-mail address is not one. Please tell the lab's operator."
            }
            Self::EmailUnverified => {
                "Your e-mail address is not verified at the sign-in provider. Please verify it there and sign in again."
            }
            Self::NotAdmitted => {
                "This lab is not open to your account at the sign-in provider. Please ask the lab's administrator."
            }
            Self::GroupsUnknown => {
                "The sign-in provider did not say which groups you are in. Please tell the lab's operator."
            }
            Self::RegistrationClosed => {
                "You have no account here yet, and this lab does not create accounts by itself. Please ask its administrator for one."
            }
            Self::EmailTaken => {
                "Somebody else was signing in with your e-mail address at the same moment. Please start again."
            }
            Self::AccountDisabled => "Your account is disabled. Please ask the lab's administrator.",
            Self::IdentityTaken => {
                "That sign-in belongs to another account here already, so it was not added to yours."
            }
            Self::AnotherSession => {
                "While you were adding a way to sign in, somebody signed in to another account in this browser. Nothing was added."
            }
            Self::IdentityUnknown => "Your account is not opened by that sign-in.",
            Self::LastCredential => {
                "Nothing else opens your account, so this stays. Add another way of signing in first."
            }
            Self::ReauthenticationNeeded => {
                "To change how your account is opened, please enter your password, or sign in anew and come back within ten minutes."
            }
            Self::LogoutTokenInvalid => {
                "The sign-in provider's message that a session has ended could not be used."
            }
            Self::NotSignedIn => "You are not signed in.",
            Self::PasswordsOff => "Signing in with a password is switched off here.",
            Self::CredentialsWrong => "The name or the password is wrong.",
            Self::TooManyTries => "There were too many tries. Please wait a few minutes, then try again.",
            Self::PasswordLength => "This password is too short or too long.",
            Self::PasswordCommon => {
                "This password is one of the first that an attacker tries. Please choose another one."
            }
            Self::PasswordPersonal => {
                "This password is made of your own name or the lab's. Please choose another one."
            }
            Self::PasswordGuessable => {
                "This password is easy to guess. Please choose another one, such as four words that have nothing to do with each other."
            }
            Self::PasswordUnchanged => {
                "This is the password that you have already. Please choose another one."
            }
            Self::UsernameMalformed => {
                "A username has up to 64 letters from a to z, digits, dots, hyphens and underscores, and begins with a letter or a digit."
            }
            Self::NameTaken => "This name is taken. Please choose another one.",
            Self::SelfRegistrationOff => {
                "This lab does not let people register themselves. Please ask its administrator for an account."
            }
            Self::SetupClosed => "This setup link is not valid.",
            Self::NotAdministrator => "Only an administrator may do that.",
            Self::AccountUnknown => "There is no such account.",
            Self::LastAdministrator => {
                "This is the last active administrator. Please make somebody else one first."
            }
            Self::Busy => "Too many people are signing in at this moment. Please try again in a few seconds.",
            Self::CsrfFailed => "This request did not come from a page of this lab, so nothing was done.",
            Self::Internal => "Something went wrong here. Please try again in a moment.",
        }
    }
}
