use labgate_domain::protocol::Scopes;
use serde_json::Value;

use crate::protocol::{Claims, Grant, Session};
use crate::site::Site;
use crate::user::User;

/// The document that states claims about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    IdToken,
    UserInfo,
}

/// An occasion to state claims about a person.
pub(crate) struct Occasion<'a> {
    pub(crate) site: &'a Site,
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: &'a Scopes,
    pub(crate) document: Document,
    /// The person's `sub`.
    pub(crate) subject: String,
}

impl Occasion<'_> {
    pub(crate) fn user(&self) -> &User {
        &self.grant.session.user
    }

    pub(crate) fn session(&self) -> &Session {
        &self.grant.session
    }

    pub(crate) fn client(&self) -> &str {
        self.grant.client.as_str()
    }

    pub(crate) fn asks(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// Begins with the user's own claims and the subject.
    pub(crate) fn begin(&self) -> Statement {
        let mut claims = self.user().claims.clone();
        claims.insert("sub".to_owned(), self.subject.as_str().into());
        Statement(claims)
    }
}

/// Claims about a person. A claim that the user was given explicitly stays as it is.
pub(crate) struct Statement(pub(crate) Claims);

impl Statement {
    pub(crate) fn say(&mut self, name: &str, value: impl Into<Value>) {
        self.0.entry(name).or_insert(value.into());
    }

    /// States a value that is known.
    pub(crate) fn say_if_known(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.say(name, value);
        }
    }

    /// The address, and whether it is verified, if the scope `email` asks for it.
    pub(crate) fn say_email(&mut self, occasion: &Occasion<'_>) {
        if let Some((address, verified)) = occasion.user().email_address().filter(|_| occasion.asks("email"))
        {
            self.say("email", address);
            self.say("email_verified", verified);
        }
    }

    /// The name, and its parts: the first word and the rest.
    pub(crate) fn say_names(&mut self, user: &User) {
        let Some(name) = user.name.as_deref() else { return };
        let (given, family) = name.split_once(' ').map_or((name, None), |(given, rest)| (given, Some(rest)));
        self.say("name", name);
        self.say("given_name", given);
        self.say_if_known("family_name", family);
    }

    /// The groups, if there are any.
    pub(crate) fn say_groups(&mut self, name: &str, user: &User) {
        if !user.groups.is_empty() {
            self.say(name, user.groups.as_slice());
        }
    }
}
