//! The command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clap::{ArgAction, Args, Parser, Subcommand};
use labgate_mock_idp::{Algorithm, Client, Fault, MockIdp, MockIdpBuilder, Persona, User};

/// A mock OpenID provider: correct by default, misbehaving on command. For testing only.
#[derive(Parser)]
#[command(name = "labgate-mock-idp")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the mock until Ctrl-C
    Serve(Box<Serve>),
    /// List the faults, and what a relying party must do about each
    Faults,
}

#[derive(Args)]
pub(crate) struct Serve {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9400")]
    listen: SocketAddr,
    /// Allow an address that other machines can reach, where anybody can then be anybody
    #[arg(long)]
    beyond_loopback: bool,
    /// The origin under which the mock is reached, if that is not where it listens: `http://mock:9400`
    #[arg(long, value_name = "ORIGIN")]
    base_url: Option<String>,
    /// The path of an issuer; may be repeated
    #[arg(long, value_name = "PATH", default_value = "/")]
    issuer_path: Vec<String>,
    /// Behave like a provider: `entra=TENANT`, `entra=TENANT,optional-claims`, `entra-v1=TENANT`, `github`,
    /// `dex`, `keycloak=REALM`, `google`, `gitlab`, `okta`, `okta=SERVER`, `auth0` or `cognito=POOL`; may be
    /// repeated, for several providers side by side
    #[arg(long, value_name = "NAME", default_value = "generic")]
    persona: Vec<Persona>,
    /// A client and a redirect URI of it; may be repeated, also for one client
    #[arg(
        long,
        value_name = "ID:SECRET:REDIRECT_URI",
        value_parser = client,
        default_value = "lab:lab-secret:http://127.0.0.1:8091/api/auth/oidc/callback"
    )]
    client: Vec<ClientArgument>,
    /// An address to which the clients may send people after a logout; may be repeated
    #[arg(long, value_name = "URI", default_value = "http://127.0.0.1:8091/")]
    post_logout_redirect_uri: Vec<String>,
    /// A client's address for logout tokens: plain http, on this machine; may be repeated
    #[arg(long, value_name = "ID:URI", value_parser = logout_uri)]
    backchannel_logout_uri: Vec<(String, String)>,
    /// Name the session in logout tokens by `sid`, or only the person
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, default_value_t = true)]
    backchannel_logout_session_required: bool,
    /// A person; may be repeated. EMAIL may be empty, or begin with `unverified=`. Without any: ada, bob
    /// (address not verified) and noone (no address)
    #[arg(long, value_name = "SUB:EMAIL:NAME[:GROUP,…]", value_parser = user)]
    user: Vec<User>,
    /// The algorithm of ID tokens: `RS256`, `ES256` or `EdDSA`
    #[arg(long, value_name = "ALG", value_parser = Algorithm::parse, default_value = "RS256")]
    algorithm: Algorithm,
    /// Misbehave, always; may be repeated. `labgate-mock-idp faults` lists the names
    #[arg(long, value_name = "NAME", value_parser = Fault::parse)]
    fault: Vec<Fault>,
}

#[derive(Clone)]
struct ClientArgument {
    id: String,
    secret: String,
    redirect_uri: String,
}

impl Serve {
    /// The mock that is asked for: every persona at every path, all with the same users, clients and faults.
    pub(crate) fn builder(&self) -> anyhow::Result<MockIdpBuilder> {
        for (id, _) in &self.backchannel_logout_uri {
            let known = self.client.iter().any(|client| client.id == *id);
            anyhow::ensure!(known, "--backchannel-logout-uri is for {id:?}, but no --client has that id");
        }
        let mut builder = MockIdp::builder().listen(self.listen);
        if self.beyond_loopback {
            builder = builder.beyond_loopback();
        }
        if let Some(url) = &self.base_url {
            builder = builder.base_url(url)?;
        }
        let paths = self.issuer_path.iter();
        let issuers = paths.flat_map(|path| self.persona.iter().map(move |persona| (path, persona)));
        for (position, (path, persona)) in issuers.enumerate() {
            builder =
                if position == 0 { builder.issuer_path(path)? } else { builder.another_issuer(path)? };
            builder = builder.persona(persona.clone()).algorithm(self.algorithm);
            builder = self.user.iter().cloned().fold(builder, MockIdpBuilder::user);
            builder = self.clients().into_iter().fold(builder, MockIdpBuilder::client);
            builder = self.fault.iter().cloned().fold(builder, MockIdpBuilder::fault);
        }
        Ok(builder)
    }

    /// The clients; those that are named twice with the same secret have several redirect URIs.
    fn clients(&self) -> Vec<Client> {
        let mut redirect_uris: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for ClientArgument { id, secret, redirect_uri } in &self.client {
            redirect_uris.entry((id, secret)).or_default().push(redirect_uri);
        }
        let client = |((id, secret), uris): ((&str, &str), Vec<&str>)| {
            let required = self.backchannel_logout_session_required;
            let client = Client::new(id, secret).backchannel_logout_session_required(required);
            let client = uris.into_iter().fold(client, Client::redirect_uri);
            let client = self.post_logout_redirect_uri.iter().fold(client, Client::post_logout_redirect_uri);
            let logout = self.backchannel_logout_uri.iter().find(|(known, _)| known == id);
            logout.into_iter().fold(client, |client, (_, uri)| client.backchannel_logout_uri(uri))
        };
        redirect_uris.into_iter().map(client).collect()
    }

    /// The text that the running mock prints.
    pub(crate) fn banner(&self, idp: &MockIdp) -> String {
        let mut text = String::from(
            "This is a MOCK OpenID provider for testing: anybody can sign in here as anybody.\n",
        );
        for issuer in idp.issuers() {
            let users: Vec<_> = issuer.users().iter().map(User::subject).collect();
            text.push('\n');
            line(&mut text, "Issuer:   ", issuer.issuer().as_str());
            if *issuer.persona() != Persona::Generic {
                line(&mut text, "Persona:  ", &issuer.persona().to_string());
            }
            line(&mut text, "Metadata: ", &issuer.discovery_url());
            line(&mut text, "Users:    ", &users.join(", "));
            for fault in &self.fault {
                line(&mut text, "Fault:    ", &format!("{}: {}", fault.name(), fault.effect()));
            }
            if let Some(client) = self.client.first() {
                line(&mut text, "LAB_EXTERNAL_OIDC_AUTH_URL=", &issuer.authorization_endpoint());
                line(&mut text, "LAB_EXTERNAL_OIDC_TOKEN_URL=", &issuer.token_endpoint());
                line(&mut text, "LAB_EXTERNAL_OIDC_CLIENT_ID=", &client.id);
                line(&mut text, "LAB_EXTERNAL_OIDC_CLIENT_SECRET=", &client.secret);
            }
        }
        text.push_str("\nStop with Ctrl-C.\n");
        text
    }
}

fn line(text: &mut String, label: &str, value: &str) {
    text.extend([label, value, "\n"]);
}

/// The faults as a list.
pub(crate) fn faults() -> String {
    let entry = |fault: &Fault| {
        let (name, effect, must) = (fault.name(), fault.effect(), fault.relying_party_must());
        format!("{name}\n    {effect}.\n    A relying party must {must}.\n")
    };
    Fault::ALL.iter().map(entry).collect()
}

fn client(text: &str) -> Result<ClientArgument, String> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(secret), Some(redirect_uri)) => Ok(ClientArgument { id, secret, redirect_uri }),
        _ => Err("it is ID:SECRET:REDIRECT_URI".to_owned()),
    }
}

fn logout_uri(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((id, uri)) if uri.contains("://") => Ok((id.to_owned(), uri.to_owned())),
        _ => Err("it is ID:URI".to_owned()),
    }
}

fn user(text: &str) -> Result<User, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (subject, email, name, groups) = match *parts.as_slice() {
        [subject, email, name] => (subject, email, name, ""),
        [subject, email, name, groups] => (subject, email, name, groups),
        _ => return Err("it is SUB:EMAIL:NAME or SUB:EMAIL:NAME:GROUP,GROUP".to_owned()),
    };
    if subject.is_empty() {
        return Err("SUB is empty".to_owned());
    }
    let user = User::new(subject).groups(groups.split(',').filter(|group| !group.is_empty()));
    let user = match (email, email.strip_prefix("unverified=")) {
        ("", _) => user,
        (_, Some(email)) => user.unverified_email(email),
        (email, None) => user.email(email),
    };
    Ok(if name.is_empty() { user } else { user.name(name) })
}

#[cfg(test)]
mod tests;
