//! The output of a command: text for people, or one JSON document with the names of the HTTP API.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use labgate_domain::access_token::AccessToken;
use labgate_domain::people::Account;
use labgate_domain::session::Session;
use labgate_domain::sign_in::CreatedAccount;
use labgate_domain::time::Timestamp;
use labgate_domain::world::Clock as _;
use serde_json::{Value, json};

use crate::cli::lab::print_json;
use crate::key_list::how_long;
use crate::world::SystemClock;

/// One output in both forms. It can contain an initial password, so it has no `Debug`.
pub(super) struct Report {
    text: String,
    json: Value,
}

impl Report {
    pub(super) fn created(created: &CreatedAccount) -> Self {
        let account = &created.account;
        let mut report = Self::with_password(created, "is created");
        if account.email.as_ref().is_some_and(|email| email.as_str() == account.username.as_str()) {
            report.text.push_str("the provider user with this address can claim it by signing in\n");
        }
        report
    }

    pub(super) fn with_password(created: &CreatedAccount, done: &str) -> Self {
        let mut report = Self::done(&created.account, done);
        if let Some(password) = created.initial_password() {
            let text = format!("initial password, to be changed at the first sign-in: {password}\n");
            report.text.push_str(&text);
        }
        if let Some(object) = report.json.as_object_mut() {
            object.insert("initial_password".to_owned(), created.initial_password().into());
        }
        report
    }

    pub(super) fn done(account: &Account, done: &str) -> Self {
        Self { text: format!("{} {done}\n", account.username), json: account_json(account) }
    }

    pub(super) fn groups(account: &Account) -> Self {
        let groups = &account.groups;
        let has =
            if groups.names().is_empty() { "no local groups" } else { &format!("the local groups {groups}") };
        Self::done(account, &format!("has {has}"))
    }

    pub(super) fn list(accounts: &[Account]) -> Self {
        let rows: Vec<[&str; 5]> = accounts.iter().map(account_row).collect();
        let mut text = table(&rows);
        if rows.is_empty() {
            text.push_str("no accounts\n");
        }
        let json: Vec<Value> = accounts.iter().map(account_json).collect();
        Self { text, json: json!({ "accounts": json }) }
    }

    pub(super) fn account(account: &Account, sessions: &[Session]) -> Self {
        let now = SystemClock.now();
        let mut json = account_json(account);
        if let Some(object) = json.as_object_mut() {
            object.insert("sessions".to_owned(), sessions.iter().map(session_json).collect());
        }
        Self { text: account_text(account, sessions, now), json }
    }

    pub(super) fn tokens(tokens: &[AccessToken]) -> Self {
        let now = SystemClock.now();
        let ago = |at: Timestamp| format!("{} ago", how_long(now.since(at)));
        let rows: Vec<[String; 5]> = tokens
            .iter()
            .map(|token| {
                let state = match token.expires_at {
                    at if at <= now => "expired".to_owned(),
                    _ if !token.is_admitted => "not admitted".to_owned(),
                    at => format!("expires in {}", how_long(at.since(now))),
                };
                let used = token
                    .last_used_at
                    .map_or_else(|| "never used".to_owned(), |at| format!("used {}", ago(at)));
                [token.id.to_string(), token.name.to_string(), token.scope.to_string(), state, used]
            })
            .collect();
        let rows: Vec<[&str; 5]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let text = if rows.is_empty() { "no access tokens\n".to_owned() } else { table(&rows) };
        let json: Vec<Value> = tokens.iter().map(token_json).collect();
        Self { text, json: json!({ "access_tokens": json }) }
    }

    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json { print_json(&self.json) } else { Ok(write!(io::stdout(), "{}", self.text)?) }
    }
}

fn email(account: &Account) -> &str {
    account.email.as_ref().map_or("-", |email| email.as_str())
}

fn account_row(account: &Account) -> [&str; 5] {
    let Account { username, role, status, name, .. } = account;
    let name = name.as_ref().map_or("", |name| name.as_str());
    [username.as_str(), role.as_str(), status.as_str(), email(account), name]
}

fn account_json(account: &Account) -> Value {
    json!({
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "local_groups": account.groups,
        "status": account.status.as_str(),
        "accepted_terms": account.accepted_terms,
        "created_at": account.created_at,
    })
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

fn token_json(token: &AccessToken) -> Value {
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "scope": token.scope.to_string(),
        "admitted": token.is_admitted,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    })
}

fn account_text(account: &Account, sessions: &[Session], now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<9} {value}");
    };
    line("username", account.username.as_str());
    line("id", &account.id.to_string());
    line("email", email(account));
    line("name", account.name.as_ref().map_or("-", |name| name.as_str()));
    line("role", account.role.as_str());
    if !account.groups.names().is_empty() {
        line("groups", &format!("{} (local)", account.groups));
    }
    line("status", account.status.as_str());
    for terms in &account.accepted_terms {
        line("terms", &format!("version {}, accepted {} ago", terms.version, how_long(now.since(terms.at))));
    }
    line("created", &format!("{} ago", how_long(now.since(account.created_at))));
    for session in sessions {
        let by = session.external.as_ref().map_or("a password", |external| external.provider.as_str());
        let [began, seen] = [session.created_at, session.last_seen_at].map(|at| how_long(now.since(at)));
        line("session", &format!("by {by}, began {began} ago, last seen {seen} ago"));
    }
    text
}

/// Returns the rows with aligned columns.
fn table<const N: usize>(rows: &[[&str; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let padded: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}
