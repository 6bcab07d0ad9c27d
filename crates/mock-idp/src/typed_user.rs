use serde_json::Value;

use crate::protocol::Parameters;
use crate::user::User;

/// The fields of the login page's form for any claims, as they are shown again when they cannot be used.
#[derive(Debug, Default)]
pub(crate) struct TypedUser {
    pub(crate) sub: String,
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) name: String,
    pub(crate) groups: String,
    pub(crate) claims: String,
    /// The reason that it cannot be used.
    pub(crate) problem: String,
}

impl TypedUser {
    pub(crate) fn read(form: &Parameters) -> Self {
        let text = |name| form.first(name).unwrap_or_default().to_owned();
        Self {
            sub: text("sub"),
            email: text("email"),
            email_verified: form.first("email_verified").is_some(),
            name: text("name"),
            groups: text("groups"),
            claims: text("claims"),
            problem: String::new(),
        }
    }

    pub(crate) fn user(&self) -> Result<User, String> {
        if self.sub.is_empty() {
            return Err("Type a subject, or pick one of the people above.".to_owned());
        }
        let mut user = User::new(&self.sub);
        if !self.email.is_empty() {
            user = if self.email_verified {
                user.email(&self.email)
            } else {
                user.unverified_email(&self.email)
            };
        }
        if !self.name.is_empty() {
            user = user.name(&self.name);
        }
        user = user.groups(self.groups.split(',').map(str::trim).filter(|group| !group.is_empty()));
        if !self.claims.is_empty() {
            let Ok(Value::Object(claims)) = serde_json::from_str(&self.claims) else {
                return Err("Further claims must be one JSON object.".to_owned());
            };
            user = claims.into_iter().fold(user, |user, (name, value)| user.claim(name, value));
        }
        Ok(user)
    }
}
