//! What holds at the end of every schedule.

use std::collections::BTreeSet;

use labgate_domain::people::{AccountStatus, Role};

use super::executor::Scene as _;
use super::lab::{Beginning, Case, Promise, account_id};

/// Returns the rules that an end breaks.
pub(super) fn violations(end: &mut Beginning, cases: &[&Case]) -> BTreeSet<String> {
    let mut broken = BTreeSet::new();
    accounts_are_apart(end, &mut broken);
    a_disabled_account_has_no_session(end, &mut broken);
    what_was_promised_holds(end, cases, &mut broken);
    nothing_is_used_twice(end, cases, &mut broken);
    broken
}

fn accounts_are_apart(end: &Beginning, broken: &mut BTreeSet<String>) {
    let accounts = end.store.accounts();
    let mut names = BTreeSet::new();
    for account in &accounts {
        let email = account.email.as_ref().map(|email| email.as_str());
        for name in [Some(account.username.as_str()), email].into_iter().flatten().collect::<BTreeSet<_>>() {
            if !names.insert(name.to_owned()) {
                broken.insert("two accounts have one name".to_owned());
            }
        }
    }
    let administers =
        |account: &&labgate_domain::people::Account| account.is_active() && account.role == Role::Admin;
    if accounts.iter().filter(administers).count() == 0 {
        broken.insert("no administrator is left".to_owned());
    }
}

/// Otherwise its sessions would come back when it is enabled.
fn a_disabled_account_has_no_session(end: &Beginning, broken: &mut BTreeSet<String>) {
    for account in end.store.accounts() {
        if account.status == AccountStatus::Disabled && end.store.open_sessions(account.id) > 0 {
            broken.insert("a disabled account has an open session".to_owned());
        }
    }
}

fn what_was_promised_holds(end: &mut Beginning, cases: &[&Case], broken: &mut BTreeSet<String>) {
    let answers: Vec<_> = end.tasks().iter().map(|task| task.answer.clone()).collect();
    for (case, answer) in cases.iter().zip(&answers) {
        let Some((Ok(_), answered_at)) = answer else { continue };
        let later = answers.iter().flatten().filter(|(_, at)| at > answered_at);
        let later: Vec<String> = later.filter_map(|(answer, _)| answer.clone().ok().flatten()).collect();
        match case.promise {
            Promise::Nothing => {}
            Promise::Disabled(who) => {
                if later.iter().any(|token| end.read(token).0 == account_id(who)) {
                    broken.insert("a token was handed out after its account was disabled".to_owned());
                }
                let known = [&end.fixture.ada, &end.fixture.grace];
                let its_own = known.into_iter().filter(|token| end.read(token).0 == account_id(who));
                if its_own.chain(&later).any(|token| end.read(token).0 == account_id(who) && end.opens(token))
                {
                    broken.insert("a token opens a disabled account".to_owned());
                }
            }
            Promise::Demoted(who) => {
                if later.iter().any(|token| end.read(token) == (account_id(who), Role::Admin)) {
                    broken.insert("a token that says admin was handed out after the demotion".to_owned());
                }
            }
            Promise::SignedOut(_) => {
                if end.opens(&end.fixture.ada) {
                    broken.insert("a token of an ended session opens the lab".to_owned());
                }
            }
        }
    }
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
