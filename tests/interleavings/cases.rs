//! The use cases. A new one joins by a line.

use std::time::Duration;

use labgate_domain::access::WrittenService;
use labgate_domain::people::{AccountStatus, DisplayName, EmailAddress, GroupName, GroupPatch, Role};
use labgate_domain::ports::Source;
use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::{
    AccountPatch, AdminAct, Administrator, CompletedSignIn, NewAccount, Proof, Registration, ServiceChange,
    Visitor,
};

use super::lab::{
    ADA, Answer, BOB, CAROL, Case, Code, DORA, GRACE, OTHER_PASSWORD, PASSWORD, Process, Promise, ROOT,
    account_id, enter_with, exposed, issuer, make_access_token, notebook, password, presenting, refused,
    service, signed_in, terms, typed,
};
use super::provider::{ISSUER, OLD_ISSUER};

macro_rules! cases {
    ($($name:literal $(uses $uses:literal)? $(promises $promise:ident($whose:expr))?: |$process:ident| $body:expr;)*) => {
        pub(super) const CASES: &[Case] = &[$(Case {
            name: $name,
            uses: cases!(@uses $($uses)?),
            promise: cases!(@promise $($promise($whose))?),
            run: |$process| Box::pin(async move { $body }),
        }),*];
    };
    (@uses) => { None };
    (@uses $uses:literal) => { Some($uses) };
    (@promise) => { Promise::Nothing };
    (@promise $promise:ident($whose:expr)) => { Promise::$promise($whose) };
}

cases! {
    "Ada signs in with her password": |process| with_password(&process, "ada").await;
    "Grace signs in with her password": |process| with_password(&process, "grace").await;
    "Ada comes back from the provider" uses "Ada's code": |process| callback(&process, 0).await;
    "the callback of Ada comes twice" uses "Ada's code": |process| callback(&process, 0).await;
    "Carol comes for the first time": |process| callback(&process, 1).await;
    "Eve comes for the first time": |process| callback(&process, 2).await;
    "Eve registers" promises Exists("eve"): |process| register(&process).await;
    "Ada is asked about": |process| check(&process, &process.fixture.ada).await;
    "Grace is asked about": |process| check(&process, &process.fixture.grace).await;
    "Bob proves that the identity is his" uses "Bob's link": |process| link(&process).await;
    "Bob proves it twice" uses "Bob's link": |process| link(&process).await;
    "Ada enters the notebooks" uses "Ada's code of the notebooks": |process| enter(&process).await;
    "Ada enters them twice" uses "Ada's code of the notebooks": |process| enter(&process).await;
    "Ada makes an access token": |process| {
        let made = make_access_token(&process.sign_in, &process.fixture.ada).await;
        made.map(|made| Some(made.text.expose().to_owned())).map_err(refused)
    };
    "Ada's access token is presented": |process| {
        enter_with(&process.sign_in, process.fixture.access_token.text.expose()).await
    };
    "Ada revokes her access token" promises Revoked(ADA): |process| {
        let (id, visitor) = (process.fixture.access_token.token.id, presenting(&process.fixture.ada));
        process.sign_in.access_tokens().revoke(id, &visitor).await.map(|()| None).map_err(refused)
    };
    "Grace revokes Ada's access token on proof" promises Revoked(ADA): |process| {
        let (visitor, proof) = (presenting(&process.fixture.grace), Proof::Password(Some(password(PASSWORD))));
        let act = AdminAct::RevokeToken(account_id(ADA), process.fixture.access_token.token.id);
        process.sign_in.administration().perform(act, proof, &visitor).await.map(|_| None).map_err(refused)
    };
    "Bob is disabled" promises Disabled(BOB): |process| {
        patch(&process, BOB, AccountPatch::Status(AccountStatus::Disabled)).await
    };
    "Ada takes another name": |process| {
        let name = DisplayName::new("Ada L");
        let visitor = presenting(&process.fixture.ada);
        process.sign_in.accounts().rename(name.as_ref(), &visitor).await.map(|()| None).map_err(refused)
    };
    "Ada accepts the terms" promises Accepted("1"): |process| {
        let visitor = presenting(&process.fixture.ada);
        let terms = terms();
        let accounts = process.without_provider.accounts();
        let accepted = accounts.accept_terms(terms.version.as_str(), terms.digest.as_str(), &visitor).await;
        // A token of a session that ends meanwhile opens nothing.
        accepted.map(|_| None).map_err(refused)
    };
    "Eve's account is created" promises Exists("eve"): |process| create(&process, Some("eve"), None).await;
    "Eve is invited" promises Exists("eve@example.com"): |process| create(&process, None, Some("eve@example.com")).await;
    "the issuer moves" promises Unlinked("ada"): |process| {
        let (from, to) = (issuer(ISSUER), issuer("https://new.example"));
        let moved = process.sign_in.administration().move_identities(&operator(), &from, &to, false).await;
        moved.map(|_| None).map_err(refused)
    };
    "the old issuer gives way no more": |process| {
        let (from, to) = (issuer(OLD_ISSUER), issuer(ISSUER));
        let administration = process.sign_in.administration();
        let done = administration.let_identities_give_way(&operator(), &from, &to, Duration::ZERO, false).await;
        done.map(|_| None).map_err(refused)
    };
    "Dora comes with another subject": |process| callback(&process, 3).await;
    "Dora is disabled" promises Disabled(DORA): |process| {
        patch(&process, DORA, AccountPatch::Status(AccountStatus::Disabled)).await
    };
    "Ada is renamed" promises NameFree("ada"): |process| {
        let renamed = process.sign_in.administration().rename(&operator(), account_id(ADA), "lovelace", false).await;
        renamed.map(|_| None).map_err(refused)
    };
    "Ada gets a group" promises InGroup("gpu"): |process| {
        let patch = GroupPatch { add: GroupName::typed_list("gpu").unwrap(), ..GroupPatch::default() };
        let changed = process.sign_in.administration().change_groups(&operator(), account_id(ADA), &patch).await;
        changed.map(|_| None).map_err(refused)
    };
    "the operator signs Ada out" promises SignedOut(ADA): |process| {
        let signed_out = process.sign_in.administration().sign_out(&operator(), account_id(ADA)).await;
        signed_out.map(|()| None).map_err(refused)
    };
    "Ada changes her password" promises PasswordReplaced(ADA): |process| {
        let visitor = presenting(&process.fixture.ada);
        let passwords = process.sign_in.passwords();
        let changed = passwords.change(Some(password(PASSWORD)), Some(password(OTHER_PASSWORD)), &visitor).await;
        changed.map(|session| Some(exposed(&session.token))).map_err(refused)
    };
    "Ada signs out" promises SignedOut(ADA): |process| {
        let visitor = presenting(&process.fixture.ada);
        process.sign_in.sessions().sign_out(&visitor).await.map(|_| None).map_err(refused)
    };
    "Ada signs out everywhere" promises SignedOut(ADA): |process| {
        let visitor = presenting(&process.fixture.ada);
        process.sign_in.accounts().sign_out_everywhere(&visitor).await.map(|()| None).map_err(refused)
    };
    "Ada unlinks her identity" promises Removed("ada"): |process| {
        let (issuer, visitor) = (issuer(ISSUER), presenting(&process.fixture.ada));
        let subject = labgate_domain::protocol::Subject::parse("ada").unwrap();
        let proof = Proof::Password(Some(password(PASSWORD)));
        let unlinked = process.sign_in.linking().unlink(&issuer, &subject, proof, &visitor).await;
        unlinked.map(|()| None).map_err(refused)
    };
    "Grace signs Ada out on proof" promises SignedOut(ADA): |process| {
        let (visitor, proof) = (presenting(&process.fixture.grace), Proof::Password(Some(password(PASSWORD))));
        let act = AdminAct::SignOut(account_id(ADA));
        process.sign_in.administration().perform(act, proof, &visitor).await.map(|_| None).map_err(refused)
    };
    "the provider signs Ada out" promises SignedOut(ADA): |process| {
        process.sign_in.back_channel().end_sessions("ada").await.map(|()| None).map_err(refused)
    };
    "the provider is asked again": |process| {
        let provider = ProviderId::parse("external").unwrap();
        match process.sign_in.revalidation().revalidate(&provider, || true).await {
            Ok(0) => Err("nothing was due"),
            Ok(_) => Ok(None),
            Err(error) => Err(error.code().as_str()),
        }
    };
    "Ada is disabled" promises Disabled(ADA): |process| {
        patch(&process, ADA, AccountPatch::Status(AccountStatus::Disabled)).await
    };
    "Grace is disabled" promises Disabled(GRACE): |process| {
        patch(&process, GRACE, AccountPatch::Status(AccountStatus::Disabled)).await
    };
    "Carol is disabled" promises Disabled(CAROL): |process| {
        patch(&process, CAROL, AccountPatch::Status(AccountStatus::Disabled)).await
    };
    "Grace is demoted" promises Demoted(GRACE): |process| {
        patch(&process, GRACE, AccountPatch::Role(Role::User)).await
    };
    "root is demoted" promises Demoted(ROOT): |process| {
        patch(&process, ROOT, AccountPatch::Role(Role::User)).await
    };
    "Ada is promoted": |process| patch(&process, ADA, AccountPatch::Role(Role::Admin)).await;
    "Ada gets an initial password" promises Reset(ADA): |process| {
        let administration = process.sign_in.administration();
        let reset = administration.reset_password(&operator(), account_id(ADA), Some(password(OTHER_PASSWORD))).await;
        reset.map(|_| None).map_err(refused)
    };
    "the wiki is added": |process| change_service(&process, ServiceChange::Add(service("wiki", "https://wiki.test"))).await;
    "the blog is added at the wiki's address": |process| {
        change_service(&process, ServiceChange::Add(service("blog", "https://wiki.test"))).await
    };
    "the board moves to the wiki's address" uses "the board as it was": |process| {
        change_service(&process, board(&process, service("board", "https://wiki.test"))).await
    };
    "the board is renamed" uses "the board as it was": |process| {
        let renamed = WrittenService { name: "Our board".to_owned(), ..service("board", "https://board.test") };
        change_service(&process, board(&process, renamed)).await
    };
    "the board is removed" uses "the board as it was": |process| {
        let (id, seen) = ("board".to_owned(), process.fixture.board.clone());
        change_service(&process, ServiceChange::Remove { id, seen }).await
    };
    "Ada is deleted" promises Disabled(ADA): |process| {
        process.sign_in.administration().delete(&operator(), account_id(ADA)).await.map(|()| None).map_err(refused)
    };
}

/// Use cases that meet in threes, without failures.
pub(super) const TRIPLES: &[[&str; 3]] = &[
    ["Grace signs in with her password", "Grace is demoted", "Grace is asked about"],
    ["Ada signs in with her password", "Ada is disabled", "Ada comes back from the provider"],
    ["Ada comes back from the provider", "the callback of Ada comes twice", "Ada is disabled"],
    ["Ada changes her password", "Ada signs in with her password", "Ada gets an initial password"],
    ["Eve registers", "Eve's account is created", "Eve is invited"],
    ["Eve comes for the first time", "Eve is invited", "Eve registers"],
    ["the provider is asked again", "the provider signs Ada out", "Ada is asked about"],
    ["Grace is demoted", "root is demoted", "Ada is promoted"],
    ["Grace is disabled", "root is demoted", "Grace signs in with her password"],
    ["Ada enters the notebooks", "Ada enters them twice", "Ada signs out"],
    ["Bob proves that the identity is his", "Bob proves it twice", "Bob is disabled"],
    ["the old issuer gives way no more", "Dora comes with another subject", "Dora is disabled"],
    ["the wiki is added", "the board moves to the wiki's address", "the board is removed"],
    ["Ada unlinks her identity", "Ada comes back from the provider", "the provider is asked again"],
    ["Ada makes an access token", "Ada is disabled", "Ada's access token is presented"],
    ["Ada unlinks her identity", "Ada's access token is presented", "the provider is asked again"],
];

fn operator() -> Administrator {
    Administrator::local_operator()
}

async fn with_password(process: &Process, name: &str) -> Answer {
    let attempt = process.sign_in.passwords().sign_in(typed(name), &Visitor::default()).await;
    attempt.map(|answer| Some(signed_in(answer))).map_err(refused)
}

async fn callback(process: &Process, number: usize) -> Answer {
    let callback = &process.fixture.callbacks[number];
    let external = process.sign_in.external();
    match external.complete(&callback.query, &callback.pending, &Visitor::default()).await {
        Ok(CompletedSignIn::SignedIn { token, .. }) => Ok(Some(exposed(&token))),
        Ok(CompletedSignIn::LinkDue { .. }) => Err("link due"),
        Ok(CompletedSignIn::Proven { .. }) => Err("proven"),
        Ok(CompletedSignIn::AlreadySignedIn { .. }) => Err("already signed in"),
        Err(refusal) => Err(refused(refusal)),
    }
}

/// Takes the code on the host of the notebooks.
async fn enter(process: &Process) -> Answer {
    let Code { text, state, secret } = &process.fixture.handed_over;
    let hand_over = process.sign_in.hand_over();
    let entered = hand_over.enter(&notebook(), text, *state, Some(secret), Source::default()).await;
    entered.map(|_| None).map_err(refused)
}

async fn register(process: &Process) -> Answer {
    let registration =
        Registration { username: "eve".to_owned(), name: None, password: Some(password(OTHER_PASSWORD)) };
    let registered =
        process.without_provider.registration().register(registration, &Visitor::default()).await;
    registered.map(|session| Some(exposed(&session.token))).map_err(refused)
}

/// Creates an account, or invites a person.
async fn create(process: &Process, username: Option<&str>, email: Option<&str>) -> Answer {
    let new = NewAccount {
        username: username.map(str::to_owned),
        email: email.map(|email| EmailAddress::parse(email).unwrap()),
        name: None,
        role: Role::User,
        password: None,
    };
    process.sign_in.administration().create(&operator(), new).await.map(|_| None).map_err(refused)
}

async fn link(process: &Process) -> Answer {
    let ticket = &process.fixture.bobs_link;
    let linked =
        process.sign_in.linking().confirm(ticket, Some(password(PASSWORD)), &Visitor::default()).await;
    linked.map(|linked| Some(exposed(&linked.token))).map_err(refused)
}

async fn check(process: &Process, token: &str) -> Answer {
    let checked = process.sign_in.requests().check(token).await.map_err(|_| "not signed in")?;
    Ok(checked.renewed.map(|token| exposed(&token)))
}

/// A change of the board by an administrator who has seen it as it was in the beginning.
fn board(process: &Process, written: WrittenService) -> ServiceChange {
    ServiceChange::Change { written, seen: process.fixture.board.clone() }
}

async fn change_service(process: &Process, change: ServiceChange) -> Answer {
    let changed = process.sign_in.administration().change_service(&operator(), &change).await;
    changed.map(|()| None).map_err(refused)
}

async fn patch(process: &Process, whose: u8, patch: AccountPatch) -> Answer {
    let patched = process.sign_in.administration().patch(&operator(), account_id(whose), patch).await;
    patched.map(|()| None).map_err(refused)
}
