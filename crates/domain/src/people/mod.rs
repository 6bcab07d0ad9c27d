//! The people of a lab: accounts, names, addresses, groups and passwords.

mod account;
mod display_name;
mod email_address;
mod groups;
mod password;
mod terms;
mod username;

pub use account::{Account, AccountId, AccountStatus, Role};
pub use display_name::DisplayName;
pub use email_address::EmailAddress;
pub use groups::{GroupName, GroupPatch, LocalGroups, TooManyGroups};
pub use password::{Credential, Password, PasswordHash, PasswordLength};
pub use terms::{AcceptedTerms, RequiredTerms, TermsDigest, TermsVersion};
pub use username::Username;
