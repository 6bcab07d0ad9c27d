//! The use cases. A new one joins by a line.

use labgate_domain::people::{AccountStatus, Role};
use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::{AccountPatch, Administrator, CompletedSignIn, Registration, Visitor};

use super::lab::{
    ADA, Answer, CAROL, Case, GRACE, OTHER_PASSWORD, PASSWORD, Process, Promise, ROOT, account_id, exposed,
    password, presenting, refused, signed_in, typed,
};

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
    "Eve registers": |process| register(&process).await;
    "Ada is asked about": |process| check(&process, &process.fixture.ada).await;
    "Grace is asked about": |process| check(&process, &process.fixture.grace).await;
    "Ada changes her password": |process| {
        let visitor = presenting(&process.fixture.ada);
        let passwords = process.sign_in.passwords();
        let changed = passwords.change(password(PASSWORD), password(OTHER_PASSWORD), &visitor).await;
        changed.map(|token| Some(exposed(&token))).map_err(refused)
    };
    "Ada signs out" promises SignedOut(ADA): |process| {
        let visitor = presenting(&process.fixture.ada);
        process.sign_in.sessions().sign_out(&visitor).await.map(|_| None).map_err(refused)
    };
    "Ada signs out everywhere": |process| {
        let visitor = presenting(&process.fixture.ada);
        process.sign_in.accounts().sign_out_everywhere(&visitor).await.map(|()| None).map_err(refused)
    };
    "Ada unlinks her identity": |process| {
        let (issuer, visitor) = (super::provider::ISSUER, presenting(&process.fixture.ada));
        let issuer = labgate_domain::protocol::Issuer::parse(issuer).unwrap();
        let subject = labgate_domain::protocol::Subject::parse("ada").unwrap();
        let unlinked = process.sign_in.linking().unlink(&issuer, &subject, password(PASSWORD), &visitor).await;
        unlinked.map(|()| None).map_err(refused)
    };
    "the provider signs Ada out" promises SignedOut(ADA): |process| {
        process.sign_in.back_channel().end_sessions("ada").await.map(|()| None).map_err(refused)
    };
    "the provider is asked again": |process| {
        let provider = ProviderId::parse("external").unwrap();
        let decided = process.sign_in.revalidation().revalidate(&provider).await;
        decided.map(|_| None).map_err(|error| error.code().as_str())
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
    "Ada gets an initial password": |process| {
        let administration = process.sign_in.administration();
        let reset = administration.reset_password(&operator(), account_id(ADA), password(OTHER_PASSWORD)).await;
        reset.map(|_| None).map_err(refused)
    };
    "Ada is deleted" promises Disabled(ADA): |process| {
        process.sign_in.administration().delete(&operator(), account_id(ADA)).await.map(|()| None).map_err(refused)
    };
}

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
        Ok(CompletedSignIn::AlreadySignedIn { .. }) => Err("already signed in"),
        Err(refusal) => Err(refused(refusal)),
    }
}

async fn register(process: &Process) -> Answer {
    let registration =
        Registration { username: "eve".to_owned(), name: None, password: password(OTHER_PASSWORD) };
    let registered = process.sign_in.registration().register(registration, &Visitor::default()).await;
    registered.map(|token| Some(exposed(&token))).map_err(refused)
}

async fn check(process: &Process, token: &str) -> Answer {
    let checked = process.sign_in.requests().check(token).await.map_err(|_| "not signed in")?;
    Ok(checked.renewed.map(|token| exposed(&token)))
}

async fn patch(process: &Process, whose: u8, patch: AccountPatch) -> Answer {
    let patched = process.sign_in.administration().patch(&operator(), account_id(whose), patch).await;
    patched.map(|()| None).map_err(refused)
}
