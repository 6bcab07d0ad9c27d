use serde_json::{Map, Value};

/// A person at the mock.
///
/// Values are free text, so that a test can play a provider that states nonsense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    subject: String,
    /// The address, and whether it is verified.
    email: Option<(String, bool)>,
    pub(crate) name: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) tenant: Option<String>,
    /// Further claims, as they are to be stated.
    pub(crate) claims: Map<String, Value>,
}

impl User {
    /// A person with this `sub`, and nothing else known. A [`Persona`](crate::Persona) makes its own
    /// identifiers of it, always the same ones; where the provider's are GUIDs and the subject is one, that
    /// is kept.
    pub fn new(subject: impl Into<String>) -> Self {
        let subject = subject.into();
        Self { subject, email: None, name: None, groups: Vec::new(), tenant: None, claims: Map::new() }
    }

    /// With this e-mail address, `email_verified: true`.
    #[must_use]
    pub fn email(self, address: impl Into<String>) -> Self {
        Self { email: Some((address.into(), true)), ..self }
    }

    /// With this e-mail address, `email_verified: false`.
    #[must_use]
    pub fn unverified_email(self, address: impl Into<String>) -> Self {
        Self { email: Some((address.into(), false)), ..self }
    }

    /// With this `name`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// In these `groups`.
    #[must_use]
    pub fn groups<G: Into<String>>(self, groups: impl IntoIterator<Item = G>) -> Self {
        Self { groups: groups.into_iter().map(Into::into).collect(), ..self }
    }

    /// From this Entra tenant, a GUID; without it, from [`Persona::HOME_TENANT`](crate::Persona::HOME_TENANT)
    /// or from the one tenant that an issuer is of. At an issuer of another tenant the person is a guest.
    /// Matters to the personas of Entra alone.
    #[must_use]
    pub fn tenant(self, id: impl Into<String>) -> Self {
        Self { tenant: Some(id.into()), ..self }
    }

    /// With a further claim, stated in the ID token and at userinfo whatever the scope is. It takes the place
    /// of a claim about the person (`email_verified: "yes"`), not of one of the protocol (`aud`).
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// The people of a mock without users of its own: `ada` with a verified e-mail address, in the groups
    /// `lab-admins` and `lab-users`; `bob` with an unverified address; `noone` without one.
    #[must_use]
    pub fn examples() -> Vec<Self> {
        vec![
            Self::new("ada")
                .email("ada@example.test")
                .name("Ada Example")
                .groups(["lab-admins", "lab-users"]),
            Self::new("bob").unverified_email("bob@example.test").name("Bob Example").groups(["lab-users"]),
            Self::new("noone").name("No One"),
        ]
    }

    /// Their name at the mock, and their `sub` unless a [`Persona`](crate::Persona) makes one of it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Their address, and whether it is verified.
    pub(crate) fn email_address(&self) -> Option<(&str, bool)> {
        self.email.as_ref().map(|(address, verified)| (address.as_str(), *verified))
    }

    /// Returns true if `login_hint` means this person.
    pub(crate) fn is_hinted_by(&self, hint: &str) -> bool {
        self.subject == hint
            || self.email.as_ref().is_some_and(|(address, _)| address.eq_ignore_ascii_case(hint))
    }

    /// Their name on the login page.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.subject)
    }

    /// Their description on the login page.
    pub(crate) fn summary(&self) -> String {
        let email = match &self.email {
            None => "no e-mail address".to_owned(),
            Some((address, true)) => address.clone(),
            Some((address, false)) => format!("{address}, not verified"),
        };
        if self.groups.is_empty() { email } else { format!("{email} · {}", self.groups.join(", ")) }
    }
}
