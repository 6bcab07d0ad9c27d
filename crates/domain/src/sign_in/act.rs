use std::time::Duration;

use super::administer::{AccountPatch, CreatedAccount, NewAccount};
use super::manage_services::ServiceChange;
use crate::access_token::{AccessTokenId, NewAccessToken};
use crate::attempt::ActDigest;
use crate::people::{
    AccountId, AccountStatus, DisplayName, EmailAddress, GroupName, GroupPatch, Password, Role,
};
use crate::ports::{IdentityMove, IdentitySuccession};
use crate::protocol::{Issuer, Subject};
use crate::provider::ProviderId;

/// An act of an administrator, with everything that decides its effect. A session alone does not permit it.
#[derive(Clone, Debug)]
pub enum AdminAct {
    /// Makes an account.
    Create(NewAccount),
    /// Changes an account.
    Patch(AccountId, AccountPatch),
    /// Gives an account another username.
    Rename {
        /// The account.
        account: AccountId,
        /// Its next username.
        name: String,
        /// Changes nothing, and fails where the renaming would.
        dry_run: bool,
    },
    /// Changes the local groups of an account.
    ChangeGroups(AccountId, GroupPatch),
    /// Ends the sessions of an account.
    SignOut(AccountId),
    /// Revokes an access token of an account.
    RevokeToken(AccountId, AccessTokenId),
    /// Gives an account a new initial password, this one or one that is made up.
    ResetPassword(AccountId, Option<Password>),
    /// Deletes an account.
    Delete(AccountId),
    /// Adds, changes or removes a service.
    ChangeService(Box<ServiceChange>),
    /// Moves all identities of one issuer to another.
    MoveIdentities {
        /// The former issuer.
        from: Issuer,
        /// The new issuer.
        to: Issuer,
        /// The time for which they give way by address; without it the subjects stay the same.
        within: Option<Duration>,
        /// Changes nothing, and says what would change.
        dry_run: bool,
    },
}

/// The result of an act of an administrator.
#[derive(Debug)]
pub enum ActDone {
    /// The account is there, or has its new initial password.
    Created(CreatedAccount),
    /// The account or the service was changed.
    Changed,
    /// The identities were moved, or would be.
    Moved(Vec<IdentityMove>),
    /// The identities give way, or would.
    GivingWay(Vec<IdentitySuccession>),
}

/// A change of what opens the person's own account. A session alone does not permit it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnAct {
    /// Links an identity at this provider, or else at the default one.
    Link(Option<ProviderId>),
    /// Takes an identity away.
    Unlink(Issuer, Subject),
    /// Makes an access token.
    MakeToken(NewAccessToken),
}

impl AdminAct {
    /// Returns the digest of the act.
    #[must_use]
    pub fn digest(&self) -> ActDigest {
        match self {
            Self::Create(NewAccount { username, email, name, role, password }) => ActDigest::of(&[
                "create",
                &optional(username.as_deref()),
                &optional(email.as_ref().map(EmailAddress::as_str)),
                &optional(name.as_ref().map(DisplayName::as_str)),
                role.as_str(),
                &optional(password.as_ref().map(Password::expose)),
            ]),
            Self::Patch(id, AccountPatch::Status(status)) => ActDigest::of(&[
                if *status == AccountStatus::Active { "enable" } else { "disable" },
                &id.to_string(),
            ]),
            Self::Patch(id, AccountPatch::Role(role)) => ActDigest::of(&[
                if *role == Role::Admin { "make admin" } else { "make user" },
                &id.to_string(),
            ]),
            Self::Rename { account, name, .. } => ActDigest::of(&["rename", &account.to_string(), name]),
            Self::ChangeGroups(id, GroupPatch { add, remove }) => {
                ActDigest::of(&["groups", &id.to_string(), &names(add), &names(remove)])
            }
            Self::SignOut(id) => ActDigest::of(&["sign out", &id.to_string()]),
            Self::RevokeToken(id, token) => {
                ActDigest::of(&["revoke token", &id.to_string(), &token.to_string()])
            }
            Self::ResetPassword(id, password) => {
                let password = optional(password.as_ref().map(Password::expose));
                ActDigest::of(&["reset password", &id.to_string(), &password])
            }
            Self::Delete(id) => ActDigest::of(&["delete", &id.to_string()]),
            Self::ChangeService(change) => ActDigest::of(&[
                "service",
                change.word(),
                change.id(),
                &optional(change.definition().as_deref()),
                &optional(change.seen().map(|seen| seen.0.as_str())),
            ]),
            Self::MoveIdentities { from, to, within, .. } => {
                let within = within.map(|within| within.as_secs().to_string());
                ActDigest::of(&["move identities", from.as_str(), to.as_str(), &optional(within.as_deref())])
            }
        }
    }

    /// Returns whether it may change how this account is opened, or whether it is.
    pub(super) fn concerns(&self, account: AccountId) -> bool {
        match self {
            Self::Patch(id, _)
            | Self::Rename { account: id, .. }
            | Self::ChangeGroups(id, _)
            | Self::SignOut(id)
            | Self::RevokeToken(id, _)
            | Self::ResetPassword(id, _)
            | Self::Delete(id) => *id == account,
            // Any account may have one of these.
            Self::MoveIdentities { .. } => true,
            Self::Create(_) | Self::ChangeService(_) => false,
        }
    }

    /// Returns whether the act changes nothing. Such an act needs no proof.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        matches!(self, Self::Rename { dry_run: true, .. } | Self::MoveIdentities { dry_run: true, .. })
    }
}

impl OwnAct {
    /// Returns the digest of the act.
    #[must_use]
    pub fn digest(&self) -> ActDigest {
        match self {
            Self::Link(provider) => {
                ActDigest::of(&["link", &optional(provider.as_ref().map(ProviderId::as_str))])
            }
            Self::Unlink(issuer, subject) => ActDigest::of(&["unlink", issuer.as_str(), subject.as_str()]),
            Self::MakeToken(NewAccessToken { name, scope, days }) => {
                ActDigest::of(&["make token", name, scope, days])
            }
        }
    }
}

/// Writes names of groups in a row: none has a comma.
fn names(groups: &[GroupName]) -> String {
    groups.iter().map(GroupName::as_str).collect::<Vec<_>>().join(",")
}

/// Tells a part that was left out from an empty one.
fn optional(part: Option<&str>) -> String {
    part.map(|part| format!("={part}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::WrittenService;
    use crate::ports::DefinitionDigest;

    #[test]
    fn f27_acts_that_differ_in_anything_have_other_digests() {
        let [ada, eve] = ["1", "2"].map(|end| format!("01900000-0000-7000-8000-00000000000{end}"));
        let [ada, eve] = [ada, eve].map(|id| AccountId::parse(&id).unwrap());
        let [old, new] = ["https://old.example", "https://new.example"].map(|it| Issuer::parse(it).unwrap());
        let password = |text| Password::typed(text).ok();
        let account = || NewAccount {
            username: Some("ada".to_owned()),
            email: None,
            name: None,
            role: Role::User,
            password: None,
        };
        let renamed =
            |account, name: &str| AdminAct::Rename { account, name: name.to_owned(), dry_run: false };
        let moved = |from: &Issuer, to: &Issuer, seconds: Option<u64>| AdminAct::MoveIdentities {
            from: from.clone(),
            to: to.clone(),
            within: seconds.map(Duration::from_secs),
            dry_run: false,
        };
        let groups = |id, add: &str, remove: &str| {
            let names = |text: &str| {
                if text.is_empty() { Vec::new() } else { GroupName::typed_list(text).unwrap() }
            };
            AdminAct::ChangeGroups(id, GroupPatch { add: names(add), remove: names(remove) })
        };
        let token = |end: &str| AccessTokenId::parse(&format!("AAAAAAAAAAAAAAAAAAAAA{end}")).unwrap();
        let service = |id: &str, name: &str| WrittenService {
            id: id.to_owned(),
            name: name.to_owned(),
            ..WrittenService::default()
        };
        let seen = |digest: &str| DefinitionDigest(digest.to_owned());
        let changed = |change| AdminAct::ChangeService(Box::new(change));
        let acts = [
            AdminAct::Create(account()),
            AdminAct::Create(NewAccount { username: Some("eve".to_owned()), ..account() }),
            AdminAct::Create(NewAccount { username: None, name: DisplayName::new("ada"), ..account() }),
            AdminAct::Create(NewAccount { role: Role::Admin, ..account() }),
            AdminAct::Create(NewAccount { password: password("=ada"), ..account() }),
            AdminAct::Patch(ada, AccountPatch::Role(Role::Admin)),
            AdminAct::Patch(eve, AccountPatch::Role(Role::Admin)),
            AdminAct::Patch(ada, AccountPatch::Role(Role::User)),
            AdminAct::Patch(ada, AccountPatch::Status(AccountStatus::Active)),
            AdminAct::Patch(ada, AccountPatch::Status(AccountStatus::Disabled)),
            renamed(ada, "eve"),
            renamed(ada, "eva"),
            renamed(eve, "eve"),
            groups(ada, "a", ""),
            groups(ada, "a,b", ""),
            groups(ada, "", "a"),
            groups(eve, "a", ""),
            AdminAct::SignOut(ada),
            AdminAct::SignOut(eve),
            AdminAct::RevokeToken(ada, token("A")),
            AdminAct::RevokeToken(ada, token("Q")),
            AdminAct::RevokeToken(eve, token("A")),
            AdminAct::ResetPassword(ada, None),
            AdminAct::ResetPassword(eve, None),
            AdminAct::ResetPassword(ada, password("x")),
            AdminAct::Delete(ada),
            AdminAct::Delete(eve),
            changed(ServiceChange::Add(service("a", "x"))),
            changed(ServiceChange::Change { written: service("a", "x"), seen: seen("1") }),
            changed(ServiceChange::Change { written: service("a", "x"), seen: seen("2") }),
            changed(ServiceChange::Change { written: service("a", "y"), seen: seen("1") }),
            changed(ServiceChange::Change { written: service("b", "x"), seen: seen("1") }),
            changed(ServiceChange::Remove { id: "a".to_owned(), seen: seen("1") }),
            changed(ServiceChange::Remove { id: "a".to_owned(), seen: seen("2") }),
            changed(ServiceChange::Remove { id: "b".to_owned(), seen: seen("1") }),
            moved(&old, &new, None),
            moved(&new, &old, None),
            moved(&old, &new, Some(0)),
            moved(&old, &new, Some(60)),
        ];
        let subject = |text| Subject::parse(text).unwrap();
        let make = |name: &str, scope: &str, days: &str| {
            let [name, scope, days] = [name, scope, days].map(str::to_owned);
            OwnAct::MakeToken(NewAccessToken { name, scope, days })
        };
        let own = [
            make("ci", "mlflow", ""),
            make("ci", "mlflow", "90"),
            make("ci", "mlflow api:admin", ""),
            make("", "ci mlflow", ""),
            OwnAct::Link(None),
            OwnAct::Link(ProviderId::parse("dex").ok()),
            OwnAct::Unlink(old.clone(), subject("1")),
            OwnAct::Unlink(old, subject("2")),
            OwnAct::Unlink(new, subject("1")),
        ];
        let digests: Vec<_> =
            acts.iter().map(AdminAct::digest).chain(own.iter().map(OwnAct::digest)).collect();
        for (position, digest) in digests.iter().enumerate() {
            assert_eq!(digests.iter().position(|other| other == digest), Some(position), "{position}");
        }
    }
}
