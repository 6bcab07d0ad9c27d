//! The fields of a service, in the form of its page and in the API: texts, with a line for each rule.

use labgate_domain::access::{
    HeaderEncoding, IdentityHeaders, TokenUse, WrittenCondition, WrittenRule, WrittenService,
};
use serde::Serialize;

use crate::form::Fields;

/// A service in fields, as an administrator types it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ServiceFields {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) icon: String,
    pub(crate) description: String,
    /// `public`, `signed_in`, `deny`, or `group staff, account ada, role admin`.
    pub(crate) allow: String,
    /// `no`, `yes` or `only`.
    pub(crate) tokens: String,
    /// A line for each: `/static/* = public`, `GET POST /runs/* = group staff`, `/api/* = signed_in, tokens only`.
    pub(crate) rules: String,
    pub(crate) runs_user_code: String,
    pub(crate) identity_headers: String,
    pub(crate) header_encoding: String,
    /// Names with commas in between.
    pub(crate) groups: String,
    pub(crate) assertion: String,
    pub(crate) clear_cookies: String,
}

/// The fields that a request may have beside them.
const OTHERS: &[&str] = &["seen", "csrf_token", "your_password", "confirm_at"];

impl ServiceFields {
    /// The names of the fields.
    pub(crate) const NAMES: &[&str] = &[
        "id",
        "name",
        "url",
        "icon",
        "description",
        "allow",
        "tokens",
        "rules",
        "runs_user_code",
        "identity_headers",
        "header_encoding",
        "groups",
        "assertion",
        "clear_cookies",
    ];

    /// Takes the fields as they were typed.
    pub(crate) fn typed(fields: &Fields) -> Self {
        let text = |name| fields.text(name).unwrap_or_default().trim().to_owned();
        Self {
            id: text("id"),
            name: text("name"),
            url: text("url"),
            icon: text("icon"),
            description: text("description"),
            allow: text("allow"),
            tokens: text("tokens"),
            rules: text("rules"),
            runs_user_code: text("runs_user_code"),
            identity_headers: text("identity_headers"),
            header_encoding: text("header_encoding"),
            groups: text("groups"),
            assertion: text("assertion"),
            clear_cookies: text("clear_cookies"),
        }
    }

    /// Writes a service in fields.
    pub(crate) fn of(written: &WrittenService) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let flag = |field: Option<bool>| field.map(|flag| flag.to_string()).unwrap_or_default();
        let rules = written.rule.iter().map(|rule| {
            let methods = rule.methods.iter().flatten().map(|method| format!("{method} "));
            let tokens = rule.tokens.iter().map(|tokens| format!(", tokens {tokens}"));
            let who = condition_text(&rule.allowed);
            format!("{}{} = {who}{}", methods.collect::<String>(), rule.path, tokens.collect::<String>())
        });
        Self {
            id: written.id.clone(),
            name: written.name.clone(),
            url: written.url.clone(),
            icon: text(&written.icon),
            description: text(&written.description),
            allow: condition_text(&written.allowed),
            tokens: text(&written.tokens),
            rules: rules.collect::<Vec<_>>().join("\n"),
            runs_user_code: flag(written.runs_user_code),
            identity_headers: text(&written.identity_headers),
            header_encoding: text(&written.header_encoding),
            groups: written.groups.clone().unwrap_or_default().join(", "),
            assertion: flag(written.assertion),
            clear_cookies: flag(written.clear_cookies),
        }
    }

    /// Returns whether what the service is told is left as it is by default.
    pub(crate) fn is_plain(&self) -> bool {
        let told = ["identity_headers", "header_encoding", "groups", "assertion", "clear_cookies"];
        self.unlike(&Self::default()).iter().all(|(name, _)| !told.contains(name))
    }

    /// Returns the fields of this service that have another meaning here, with its texts.
    pub(crate) fn unlike_written(&self, other: &WrittenService) -> Vec<(&'static str, String)> {
        let mine = self.written(&Fields::default()).map(|written| Self::of(&written));
        mine.as_ref().unwrap_or(self).unlike(&Self::of(other))
    }

    fn unlike(&self, other: &Self) -> Vec<(&'static str, String)> {
        let pairs = self.with_defaults().zip(other.with_defaults());
        pairs.filter(|(mine, other)| mine != other).map(|(_, (name, text))| (name, text.to_owned())).collect()
    }

    /// Returns the fields with their names; an empty one with its default.
    fn with_defaults(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = [
            &self.id,
            &self.name,
            &self.url,
            &self.icon,
            &self.description,
            &self.allow,
            &self.tokens,
            &self.rules,
            &self.runs_user_code,
            &self.identity_headers,
            &self.header_encoding,
            &self.groups,
            &self.assertion,
            &self.clear_cookies,
        ];
        Self::NAMES.iter().zip(texts).map(|(name, text)| {
            let default = match *name {
                "tokens" => TokenUse::ALL.first().map(|it| it.as_str()),
                "identity_headers" => IdentityHeaders::ALL.first().map(|it| it.as_str()),
                "header_encoding" => HeaderEncoding::ALL.first().map(|it| it.as_str()),
                "assertion" => Some("true"),
                "clear_cookies" => Some("false"),
                _ => None,
            };
            (*name, if text.is_empty() { default.unwrap_or_default() } else { text })
        })
    }

    /// Returns the service that the fields write. A request with a field that is not known is refused: passed over, it
    /// might be the one that says who is allowed.
    pub(crate) fn written(&self, request: &Fields) -> Result<WrittenService, String> {
        let known = |name: &str| Self::NAMES.contains(&name) || OTHERS.contains(&name);
        if let Some(name) = request.names().find(|name| !known(name)) {
            return Err(format!("it has a field {name:?}, which is none of {}", Self::NAMES.join(", ")));
        }
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(WrittenService {
            id: self.id.clone(),
            name: self.name.clone(),
            url: self.url.clone(),
            icon: filled(&self.icon),
            description: filled(&self.description),
            allowed: condition(&self.allow)?,
            tokens: filled(&self.tokens),
            identity_headers: filled(&self.identity_headers),
            header_encoding: filled(&self.header_encoding),
            groups: filled(&self.groups).map(|groups| list(&groups)),
            assertion: flag("assertion", &self.assertion)?,
            runs_user_code: flag("runs_user_code", &self.runs_user_code)?,
            clear_cookies: flag("clear_cookies", &self.clear_cookies)?,
            rule: self
                .rules
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(rule)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn flag(name: &str, text: &str) -> Result<Option<bool>, String> {
    match text {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(format!("{name} {text:?} is neither true nor false")),
    }
}

fn rule(line: &str) -> Result<WrittenRule, String> {
    let (what, who) = line.trim().split_once(" = ").ok_or_else(|| {
        format!("{line:?} is no rule: write one such as \"/static/* = public\" or \"GET POST /runs/* = group staff\"")
    })?;
    let (methods, path) = what.split_at(what.find('/').unwrap_or_default());
    let methods: Vec<_> = methods.split_whitespace().map(str::to_owned).collect();
    let (who, tokens) = match who.rsplit_once(", tokens ") {
        Some((who, tokens)) => (who, Some(tokens.trim().to_owned())),
        None => (who, None),
    };
    Ok(WrittenRule {
        path: path.trim().to_owned(),
        methods: (!methods.is_empty()).then_some(methods),
        tokens,
        allowed: condition(who)?,
    })
}

fn condition(text: &str) -> Result<WrittenCondition, String> {
    let text = text.trim();
    let mut condition = WrittenCondition::default();
    if ["", "public", "signed_in", "deny"].contains(&text) {
        condition.allow = (!text.is_empty()).then(|| text.to_owned());
        return Ok(condition);
    }
    for one in list(text) {
        let (list, name) = match one.split_once(' ') {
            Some(("group", name)) => (&mut condition.allow_groups, name),
            Some(("account", name)) => (&mut condition.allow_accounts, name),
            Some(("role", name)) => (&mut condition.allow_roles, name),
            _ => {
                return Err(format!(
                    "{one:?} is no condition: write public, signed_in, deny, or a list such as \
                     \"group staff, account ada, role admin\""
                ));
            }
        };
        list.get_or_insert_default().push(name.trim().to_owned());
    }
    Ok(condition)
}

fn condition_text(condition: &WrittenCondition) -> String {
    let lists = [
        ("group", &condition.allow_groups),
        ("account", &condition.allow_accounts),
        ("role", &condition.allow_roles),
    ];
    let named = lists
        .into_iter()
        .flat_map(|(kind, list)| list.iter().flatten().map(move |name| format!("{kind} {name}")));
    condition.allow.iter().cloned().chain(named).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Fields::encoded(query.as_bytes())
    }

    fn written(pairs: &[(&str, &str)]) -> Result<WrittenService, String> {
        let fields = fields(pairs);
        ServiceFields::typed(&fields).written(&fields)
    }

    #[test]
    fn a_service_in_fields_is_the_same_service_again() {
        let typed = [
            ("id", "mlflow"),
            ("name", " MLflow "),
            ("url", "https://mlflow.example.org"),
            ("allow", "group ml, group our staff , account ada, role admin"),
            ("tokens", "yes"),
            (
                "rules",
                "/static/* = public\r\n\r\n GET POST /runs/My File = group ml, account bob \n/x=y = deny\n/api/* = signed_in, tokens only",
            ),
            ("runs_user_code", "false"),
            ("groups", "a, b"),
        ];
        let service = written(&typed).unwrap();
        assert_eq!((service.name.as_str(), &service.icon), ("MLflow", &None));
        let names = |list: &[&str]| Some(list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(service.allowed.allow_groups, names(&["ml", "our staff"]));
        assert_eq!(service.rule[1].methods, names(&["GET", "POST"]));
        assert_eq!(service.rule[1].path, "/runs/My File");
        assert_eq!(service.rule[2].path, "/x=y");
        assert_eq!(service.rule[3].tokens.as_deref(), Some("only"));
        assert_eq!(service.rule[3].allowed.allow.as_deref(), Some("signed_in"));
        let again = ServiceFields::of(&service);
        assert_eq!(again.written(&Fields::default()), Ok(service));
        assert_eq!(
            again.rules,
            "/static/* = public\nGET POST /runs/My File = group ml, account bob\n/x=y = deny\n/api/* = signed_in, tokens only"
        );
    }

    #[test]
    fn fields_that_mean_the_same_are_not_told_as_different() {
        let typed = |pairs: &[(&str, &str)]| ServiceFields::typed(&fields(pairs));
        let allow = ("allow", "group a,account b");
        let mine = typed(&[("name", "Wiki"), allow, ("identity_headers", "remote"), ("assertion", "true")]);
        let unlike = |pairs: &[(&str, &str)]| mine.unlike_written(&written(pairs).unwrap());
        assert_eq!(mine.with_defaults().count(), ServiceFields::NAMES.len());
        assert!(mine.is_plain() && !typed(&[("groups", "*")]).is_plain());
        assert_eq!(
            unlike(&[("name", "Wiki"), ("allow", "group a, account b"), ("clear_cookies", "false")]),
            []
        );
        let told = unlike(&[("name", "Docs"), allow, ("rules", "/x = public"), ("assertion", "false")]);
        let expected = [("name", "Docs"), ("rules", "/x = public"), ("assertion", "false")];
        assert_eq!(told, expected.map(|(name, text)| (name, text.to_owned())));
        // What is typed need not be a service.
        assert_eq!(
            typed(&[("rules", "?")]).unlike_written(&WrittenService::default()),
            [("rules", String::new())]
        );
    }

    #[test]
    fn what_is_no_field_no_rule_or_nobody_is_refused() {
        for (name, value, said) in [
            ("allow_groups", "staff", "allow_groups"),
            ("allow", "nobody", "nobody"),
            ("allow", "signed_in, group staff", "signed_in"),
            ("allow", "group staff,", "\"\""),
            ("allow", "groups staff", "groups"),
            ("rules", "/static/*: public", "no rule"),
            ("rules", "/static/* = ", "no rule"),
            ("rules", "/static/* = staff", "staff"),
            ("runs_user_code", "no", "neither"),
        ] {
            let refused = written(&[("id", "x"), (name, value)]).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
