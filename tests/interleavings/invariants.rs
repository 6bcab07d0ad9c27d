//! What holds at the end of every schedule.

use std::collections::BTreeSet;

use labgate_domain::access::WrittenService;
use labgate_domain::access_token::AccessTokenText;
use labgate_domain::people::{Account, AccountStatus, Role, Username};
use labgate_domain::ports::{AccountStore, CredentialStore as _, IdentityStore as _, ServiceStore};
use labgate_domain::protocol::{Issuer, Subject};

use super::executor::Scene as _;
use super::lab::{ADA, Answer, Beginning, Case, Promise, account_id, now};
use super::provider::ISSUER;

/// Returns the rules that an end breaks.
pub(super) fn violations(end: &mut Beginning, cases: &[&Case]) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    accounts_are_apart(end, &mut broken);
    a_disabled_account_has_no_session(end, &mut broken);
    each_account_has_a_way_in(end, &mut broken);
    services_fit_together(end, &mut broken);
    what_was_promised_holds(end, cases, &mut broken);
    nothing_is_used_twice(end, cases, &mut broken);
    broken
}

fn accounts_are_apart(end: &Beginning, broken: &mut BTreeSet<String>) {
    let accounts = end.store.accounts();
    let mut names = BTreeSet::new();
    for account in &accounts {
        let email = account.email.as_ref().map(labgate_domain::people::EmailAddress::as_str);
        for name in [Some(account.username.as_str()), email].into_iter().flatten().collect::<BTreeSet<_>>() {
            if !names.insert(name.to_owned()) {
                broken.insert("two accounts have one name".to_owned());
            }
        }
    }
    let administers = |account: &&Account| account.is_active() && account.role == Role::Admin;
    if accounts.iter().filter(administers).count() == 0 {
        broken.insert("no administrator is left".to_owned());
    }
}

/// An account is written whole, or not at all. Who was invited comes in by the address.
fn each_account_has_a_way_in(end: &Beginning, broken: &mut BTreeSet<String>) {
    for account in end.store.accounts() {
        let has_password = now(end.store.credential(account.id)).unwrap().is_some();
        let has_identity = !now(end.store.identities(account.id)).unwrap().is_empty();
        if !has_password && !has_identity && account.email.is_none() {
            broken.insert("an account has no way in".to_owned());
        }
    }
}

/// Otherwise they would come back when it is enabled.
fn a_disabled_account_has_no_session(end: &Beginning, broken: &mut BTreeSet<String>) {
    for account in end.store.accounts() {
        if account.status == AccountStatus::Disabled && end.store.open_sessions(account.id) > 0 {
            broken.insert("a disabled account has an open session".to_owned());
        }
        if account.status == AccountStatus::Disabled && end.store.access_tokens(account.id) > 0 {
            broken.insert("a disabled account has an access token".to_owned());
        }
    }
}

/// What does not fit is refused before it is stored.
fn services_fit_together(end: &Beginning, broken: &mut BTreeSet<String>) {
    let stored = now(ServiceStore::list(&end.store)).unwrap().list;
    let urls = stored.iter().map(|it| serde_json::from_str::<WrittenService>(&it.definition).unwrap().url);
    if urls.collect::<BTreeSet<_>>().len() < stored.len() {
        broken.insert("two services have one address".to_owned());
    }
}

fn what_was_promised_holds(end: &mut Beginning, cases: &[&Case], broken: &mut BTreeSet<String>) {
    let answers: Vec<_> = end.tasks().iter().map(|task| task.answer.clone()).collect();
    for (case, answer) in cases.iter().zip(&answers) {
        let Some((Ok(_), answered_at)) = answer else { continue };
        let later = answers.iter().flatten().filter(|(_, at)| at > answered_at);
        let later: Vec<String> = later.filter_map(|(answer, _)| session_token(answer).cloned()).collect();
        // All were made in the session of the beginning, or before.
        let opens_with_token = || {
            let mut made = answers.iter().flatten().filter_map(|(answer, _)| access_token(answer));
            end.opens_notebooks() || made.any(|token| end.opens_notebooks_with(token))
        };
        let mut rule = |holds: bool, rule: &str| {
            if !holds {
                broken.insert(rule.to_owned());
            }
        };
        match case.promise {
            Promise::Nothing => {}
            Promise::Disabled(who) => {
                let id = account_id(who);
                let stored = now(AccountStore::find(&end.store, id)).unwrap();
                rule(!stored.is_some_and(|it| it.is_active()), "a disabled account is active");
                let its_own = |token: &&String| end.read(token).0 == id;
                rule(!later.iter().any(|token| its_own(&token)), "a disabled account got a token later");
                let known = [&end.fixture.ada, &end.fixture.grace];
                let opens = known.into_iter().chain(&later).filter(its_own).any(|token| end.opens(token));
                rule(!opens, "a token opens a disabled account");
                rule(who != ADA || !opens_with_token(), "an access token opens a disabled account");
            }
            Promise::Demoted(who) => {
                let stored = now(AccountStore::find(&end.store, account_id(who))).unwrap();
                rule(!stored.is_some_and(|it| it.role == Role::Admin), "who was demoted is an administrator");
                let says_admin = |token: &String| end.read(token) == (account_id(who), Role::Admin);
                rule(!later.iter().any(says_admin), "a token that says admin came after the demotion");
                let known = [&end.fixture.ada, &end.fixture.grace];
                let opens = known.into_iter().any(|token| says_admin(token) && end.opens(token));
                rule(!opens, "a token that says admin opens the lab after the demotion");
            }
            Promise::SignedOut(_) => {
                rule(!end.opens(&end.fixture.ada), "a token of an ended session opens the lab");
            }
            Promise::PasswordReplaced(who) | Promise::Reset(who) => {
                let credential = now(end.store.credential(account_id(who))).unwrap();
                let opens = credential.is_some_and(|it| it.hash.expose() == end.fixture.first_hash.expose());
                rule(!opens, "a password opens that was replaced");
                let is_reset = matches!(case.promise, Promise::Reset(ADA));
                rule(!is_reset || !opens_with_token(), "an access token opens an account that was reset");
            }
            Promise::Exists(name) => {
                let named = now(end.store.find_by_name(&Username::typed(name).unwrap())).unwrap();
                rule(named.is_some(), "an account is missing that was made");
            }
            Promise::NameFree(name) => {
                let named = now(end.store.find_by_name(&Username::typed(name).unwrap())).unwrap();
                rule(named.is_none(), "an account has a name that was given up");
            }
            Promise::InGroup(group) => {
                let stored = now(AccountStore::find(&end.store, account_id(ADA))).unwrap();
                let has = |it: Account| it.groups.names().iter().any(|name| name.as_str() == group);
                rule(stored.is_none_or(has), "a local group is lost that was given");
            }
            Promise::Accepted(version) => {
                let stored = now(AccountStore::find(&end.store, account_id(ADA))).unwrap();
                let has = |it: Account| it.accepted_terms.iter().any(|it| it.version.as_str() == version);
                rule(stored.is_none_or(has), "terms are not accepted that were");
            }
            Promise::Revoked(_) => {
                rule(!end.opens_notebooks(), "an access token opens a service after it was revoked");
            }
            Promise::Unlinked(subject) | Promise::Removed(subject) => {
                let (issuer, subject) = (Issuer::parse(ISSUER).unwrap(), Subject::parse(subject).unwrap());
                let opened = now(end.store.find_by_identity(&issuer, &subject)).unwrap();
                rule(opened.is_none(), "an identity opens that was unlinked");
                let is_removed = matches!(case.promise, Promise::Removed(_));
                rule(!is_removed || !opens_with_token(), "an access token opens whose identity was unlinked");
            }
        }
    }
}

fn access_token(answer: &Answer) -> Option<&String> {
    answer.as_ref().ok()?.as_ref().filter(|it| it.starts_with(AccessTokenText::PREFIX))
}

fn session_token(answer: &Answer) -> Option<&String> {
    answer.as_ref().ok()?.as_ref().filter(|it| !it.starts_with(AccessTokenText::PREFIX))
}

fn nothing_is_used_twice(end: &mut Beginning, cases: &[&Case], broken: &mut BTreeSet<String>) {
    for token in end.provider.presented_twice() {
        broken.insert(format!("{token} was presented twice"));
    }
    let succeeded = |end: &mut Beginning, number: usize| {
        end.tasks()
            .get(number)
            .and_then(|task| task.answer.as_ref())
            .is_some_and(|(answer, _)| answer.is_ok())
    };
    if let [one, other] = cases
        && one.uses.is_some()
        && one.uses == other.uses
        && succeeded(end, 0)
        && succeeded(end, 1)
    {
        broken.insert("what is good once was used twice".to_owned());
    }
}
