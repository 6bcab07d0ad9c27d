//! `/admin` and `/api/auth/users`: administration of accounts. What changes one takes proof.

use http::StatusCode;
use labgate_domain::access_token::AccessTokenId;
use labgate_domain::people::{
    Account, AccountId, AccountStatus, DisplayName, EmailAddress, GroupName, GroupPatch, Password, Role,
};
use labgate_domain::session::Session;
use labgate_domain::sign_in::{
    AccountPatch, AccountReader, ActDone, AdminAct, CreatedAccount, NewAccount, ProofWays,
};
use serde_json::{Value, json};

use super::own_account::{SESSIONS_PAGE_LEN, sessions_page};
use super::tokens::token_json;
use crate::audience::Audience;
use crate::failure::{Failure, HttpErrorCode};
use crate::form::Fields;
use crate::pages::{
    AccountList, AccountPage, AccountsPage, ConfirmPage, Form, InitialPasswordPage, TypedAccount,
};
use crate::paths::{self, InLab};
use crate::reply::{self, Response, see_other};
use crate::request::{ParsedRequest, optional};
use crate::state::AppState;

/// The number of accounts on a page.
const PAGE_LEN: u32 = 50;

/// Lists accounts, a page at a time.
pub(crate) async fn list(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let limit = optional(request.parameter("limit"), str::parse)?.unwrap_or(PAGE_LEN);
    let (search, after) = (request.parameter("search"), after(request)?);
    let page = state.sign_in.administration().list(&by, search.as_deref(), after, limit).await?;
    let next = page.accounts.last().filter(|_| page.more).map(|account| account.id);
    let accounts: Vec<Value> = page.accounts.iter().map(account_json).collect();
    Ok(reply::json(&json!({ "accounts": accounts, "next": next })))
}

/// Creates an account.
pub(crate) async fn create(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let fields = request.fields();
    let act = new_account(fields).map(AdminAct::Create);
    let digest = act.as_ref().ok().map(AdminAct::digest);
    let done = match act {
        Ok(act) => act_on(state, request, act, paths::USERS_PAGE, NEW_ACCOUNT).await,
        Err(code) => {
            reader(state, request).await?;
            Err(code.into())
        }
    };
    match done {
        Ok(Acted::Done(ActDone::Created(new))) => created(state, request, &new, StatusCode::CREATED),
        Ok(acted) => acted.answer(state, request, &state.site.at(paths::USERS_PAGE)),
        Err(failure) => {
            let again = |proof: &ProofWays, form: Form<'_>| {
                new_account_page(state, TypedAccount::of(fields), proof, form)
            };
            state.act_refused(request, failure, digest.as_ref(), again).await
        }
    }
}

/// The fields of a new account that its page keeps. A password is not among them.
const NEW_ACCOUNT: &[&str] = &["username", "email", "name", "role"];

fn new_account(fields: &Fields) -> Result<NewAccount, HttpErrorCode> {
    let email = fields.filled("email").map(|email| EmailAddress::parse(email.trim())).transpose();
    Ok(NewAccount {
        email: email.map_err(|_| HttpErrorCode::EmailInvalid)?,
        role: optional(fields.filled("role"), Role::parse)?.unwrap_or(Role::User),
        username: fields.filled("username").map(str::to_owned),
        name: fields.filled("name").and_then(DisplayName::new),
        password: given_password(fields)?,
    })
}

impl<'a> TypedAccount<'a> {
    fn of(fields: &'a Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default();
        Self {
            username: text("username"),
            email: text("email"),
            name: text("name"),
            is_admin: text("role") == Role::Admin.as_str(),
        }
    }
}

/// Describes one account.
pub(crate) async fn show(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let (account, sessions) = state.sign_in.administration().details(&by, account_id(request)?).await?;
    let tokens = state.sign_in.administration().tokens_of(&by, account.id).await?;
    let tokens: Vec<Value> = tokens.iter().map(token_json).collect();
    let (sessions, next_page) = request.page_of(&sessions, SESSIONS_PAGE_LEN)?;
    let sessions: Vec<Value> = sessions.iter().map(session_json).collect();
    let account = with_member(account_json(&account), "access_tokens", tokens.into());
    let account = with_member(account, "sessions", sessions.into());
    Ok(reply::json(&with_member(account, "next_page", next_page.into())))
}

/// Deletes an account.
pub(crate) async fn delete(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let act = AdminAct::Delete(account_id(request)?);
    let acted = act_on(state, request, act, paths::USERS_PAGE, &[]).await?;
    acted.answer(state, request, &state.site.at(paths::USERS_PAGE))
}

/// Changes an account: the last segment of the path says how. A person who is refused is asked again.
pub(crate) async fn act(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    // Before the path tells what there is.
    let by = reader(state, request).await?;
    let id = account_id(request)?;
    let act = action(request, request.fields(), id)?;
    let digest = act.digest();
    let is_deletion = matches!(act, AdminAct::Delete(_));
    let site = &state.site;
    let back = if is_deletion { site.at(paths::USERS_PAGE) } else { site.at(paths::user_page(id)) };
    let here = paths::user_action_page(id, request.in_path("action"));
    match act_on(state, request, act, &here, KEPT).await {
        Ok(Acted::Done(ActDone::Created(reset))) => created(state, request, &reset, StatusCode::OK),
        Ok(acted) => acted.answer(state, request, &back),
        Err(failure) if request.audience == Audience::Person => {
            let (account, _) = state.sign_in.administration().details(&by, id).await?;
            let fields = request.fields().among(KEPT);
            let again =
                |proof: &ProofWays, form: Form<'_>| question(state, request, &account, fields, proof, form);
            state.act_refused(request, failure, Some(&digest), again).await
        }
        Err(failure) => Err(failure),
    }
}

/// Asks before an account is changed, and for proof.
pub(crate) async fn action_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let id = account_id(request)?;
    let typed = request.query_fields();
    let digest = action(request, &typed, id)?.digest();
    let (account, _) = state.sign_in.administration().details(&by, id).await?;
    let proof = state.proof_ways(request, Some(&digest)).await?;
    state.form_page(request, |form| question(state, request, &account, typed.among(KEPT), &proof, form))
}

/// The fields of an action that its page keeps.
const KEPT: &[&str] = &["username", "add", "remove", "token"];

/// Returns the action that the path names.
fn action(request: &ParsedRequest, fields: &Fields, id: AccountId) -> Result<AdminAct, HttpErrorCode> {
    let status = |status| AdminAct::Patch(id, AccountPatch::Status(status));
    let role = |role| AdminAct::Patch(id, AccountPatch::Role(role));
    Ok(match request.in_path("action") {
        "disable" => status(AccountStatus::Disabled),
        "enable" => status(AccountStatus::Active),
        "make-admin" => role(Role::Admin),
        "make-user" => role(Role::User),
        "rename" => {
            let name = fields.text("username").unwrap_or_default().to_owned();
            AdminAct::Rename { account: id, name, dry_run: is_dry_run(fields)? }
        }
        "groups" => AdminAct::ChangeGroups(id, group_patch(fields)?),
        "sign-out" => AdminAct::SignOut(id),
        "revoke-token" => {
            let token = AccessTokenId::parse(fields.text("token").unwrap_or_default());
            AdminAct::RevokeToken(id, token.map_err(|_| HttpErrorCode::BadRequest)?)
        }
        "reset-password" => AdminAct::ResetPassword(id, given_password(fields)?),
        "delete" => AdminAct::Delete(id),
        _ => return Err(HttpErrorCode::NotFound),
    })
}

fn question(
    state: &AppState,
    request: &ParsedRequest,
    account: &Account,
    fields: Vec<(&str, &str)>,
    proof: &ProofWays,
    form: Form<'_>,
) -> Response {
    let (t, action) = (&state.site, request.in_path("action"));
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
    let named;
    let (question, yes) = match action {
        "disable" => (&t.confirm.disable, &t.account.disable),
        "enable" => (&t.confirm.enable, &t.account.enable),
        "make-admin" => (&t.confirm.make_admin, &t.account.make_admin),
        "make-user" => (&t.confirm.make_user, &t.account.make_user),
        "sign-out" => (&t.confirm.sign_out, &t.common.sign_out_everywhere),
        "revoke-token" => (&t.confirm.revoke_token, &t.access_token.revoke),
        "reset-password" => (&t.confirm.reset_password, &t.account.reset_password),
        "delete" => (&t.confirm.delete, &t.account.delete),
        "groups" => {
            let signed = |sign: &str, list: &str| (!list.is_empty()).then(|| format!("{sign} {list}"));
            let changes = [signed("+", field("add")), signed("\u{2212}", field("remove"))];
            named = t
                .confirm
                .groups
                .with("changes", changes.into_iter().flatten().collect::<Vec<_>>().join("; "));
            (&named, &t.account.change_groups)
        }
        _ => {
            named = t.confirm.rename.with("name", field("username"));
            (&named, &t.account.rename)
        }
    };
    reply::page(&ConfirmPage {
        t,
        heading: account.username.as_str(),
        question,
        action: &t.at(paths::user_action_page(account.id, action)),
        fields,
        yes,
        no: &t.at(paths::user_page(account.id)),
        is_grave: action == "delete",
        proof,
        form,
    })
}

/// An administrator's request to act.
pub(super) enum Acted {
    /// It is done.
    Done(ActDone),
    /// The browser goes to a provider first.
    Elsewhere(Response),
}

impl Acted {
    /// Answers: a form that is done with the way back, and anything else with 204.
    pub(super) fn answer(
        self,
        state: &AppState,
        request: &ParsedRequest,
        back: &str,
    ) -> Result<Response, Failure> {
        match self {
            Self::Done(_) => state.without_proof(request.done(back), request),
            Self::Elsewhere(response) => Ok(response),
        }
    }
}

/// Does an act, with the proof that the request brings; or has a provider confirm it first, and then the page
/// be shown with these fields filled in.
pub(super) async fn act_on(
    state: &AppState,
    request: &ParsedRequest,
    act: AdminAct,
    page: impl InLab,
    fields: &[&str],
) -> Result<Acted, Failure> {
    if !act.is_dry_run()
        && let Some(elsewhere) = state.confirmed_elsewhere(request, &act.digest(), page, fields).await?
    {
        return Ok(Acted::Elsewhere(elsewhere));
    }
    let done = state.sign_in.administration().perform(act, request.proof(), &request.visitor()).await?;
    Ok(Acted::Done(done))
}

/// Shows the list of accounts, or a new one whose fields the query fills in.
pub(crate) async fn accounts_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let fields = request.query_fields();
    let new = new_account(&fields).ok().map(|new| AdminAct::Create(new).digest());
    let proof = state.proof_ways(request, new.as_ref()).await?;
    let typed = TypedAccount::of(&fields);
    if !fields.among(NEW_ACCOUNT).is_empty() {
        return state.form_page(request, |form| new_account_page(state, typed, &proof, form));
    }
    let search = fields.text("search").unwrap_or_default();
    let page = state.sign_in.administration().list(&by, Some(search), after(request)?, PAGE_LEN).await?;
    let next = page.accounts.last().filter(|_| page.more).map(|account| {
        paths::with_parameters(paths::USERS_PAGE, &[("search", search), ("after", &account.id.to_string())])
    });
    let list = Some(AccountList { search, accounts: &page.accounts, next });
    let t = &state.site;
    state.form_page(request, |form| reply::page(&AccountsPage { t, list, typed, proof: &proof, form }))
}

fn new_account_page(
    state: &AppState,
    typed: TypedAccount<'_>,
    proof: &ProofWays,
    form: Form<'_>,
) -> Response {
    reply::page(&AccountsPage { t: &state.site, list: None, typed, proof, form })
}

/// Shows one account.
pub(crate) async fn account_page(state: &AppState, request: &ParsedRequest) -> Result<Response, Failure> {
    let by = reader(state, request).await?;
    let (account, sessions) = state.sign_in.administration().details(&by, account_id(request)?).await?;
    let (sessions, next) = request.page_of(&sessions, SESSIONS_PAGE_LEN)?;
    let next = next.map(|number| sessions_page(paths::user_page(account.id), number));
    let tokens = &*state.sign_in.administration().tokens_of(&by, account.id).await?;
    let is_own = by.account().is_some_and(|own| own.id == account.id);
    Ok(reply::page(&AccountPage { t: &state.site, account: &account, is_own, tokens, sessions, next }))
}

/// Returns the administrator of the request, who may see accounts.
pub(super) async fn reader(state: &AppState, request: &ParsedRequest) -> Result<AccountReader, Failure> {
    Ok(state.sign_in.administration().reader(&request.visitor()).await?)
}

fn account_id(request: &ParsedRequest) -> Result<AccountId, HttpErrorCode> {
    AccountId::parse(request.in_path("id")).map_err(|_| HttpErrorCode::NotFound)
}

fn after(request: &ParsedRequest) -> Result<Option<AccountId>, HttpErrorCode> {
    optional(request.parameter("after"), AccountId::parse)
}

/// Returns whether the request only asks what would be done.
pub(super) fn is_dry_run(fields: &Fields) -> Result<bool, HttpErrorCode> {
    Ok(optional(fields.filled("dry_run"), str::parse)?.unwrap_or(false))
}

/// Returns the change of local groups: lists of names, separated by commas; at least one of them.
fn group_patch(fields: &Fields) -> Result<GroupPatch, HttpErrorCode> {
    let (add, remove) = (fields.text("add"), fields.text("remove"));
    if add.or(remove).is_none() {
        return Err(HttpErrorCode::BadRequest);
    }
    let names = |list: Option<&str>| list.map(GroupName::typed_list).transpose();
    match (names(add), names(remove)) {
        (Ok(add), Ok(remove)) => {
            Ok(GroupPatch { add: add.unwrap_or_default(), remove: remove.unwrap_or_default() })
        }
        _ => Err(HttpErrorCode::GroupInvalid),
    }
}

/// Returns the initial password that the administrator chose, if any.
fn given_password(fields: &Fields) -> Result<Option<Password>, HttpErrorCode> {
    optional(fields.text("password").filter(|text| !text.is_empty()), Password::typed)
}

fn account_json(account: &Account) -> Value {
    json!({
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "local_groups": account.groups,
        "accepted_terms": account.accepted_terms,
        "status": account.status.as_str(),
        "created_at": account.created_at,
    })
}

fn with_member(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

fn session_json(session: &Session) -> Value {
    json!({
        "provider": session.external.as_ref().map(|external| external.provider.as_str()),
        "groups": session.groups,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "expires_at": session.expires_at,
    })
}

/// Answers with an account and its initial password, which is shown this once.
fn created(
    state: &AppState,
    request: &ParsedRequest,
    created: &CreatedAccount,
    status: StatusCode,
) -> Result<Response, Failure> {
    let account = &created.account;
    let mut response = match created.initial_password() {
        Some(password) if request.is_form() => {
            reply::page(&InitialPasswordPage { t: &state.site, account, password })
        }
        None if request.is_form() => {
            return state.without_proof(see_other(&state.site.at(paths::user_page(account.id))), request);
        }
        password => reply::json(&with_member(account_json(account), "initial_password", password.into())),
    };
    *response.status_mut() = status;
    state.without_proof(response, request)
}
