//! The administrators that no rule makes: a role by hand stays, whatever the person's groups become.

use labgate_provider::ProviderSettings;
use labgate_store::{Location, StoredAdministrator};

use super::finding::Outcome;
use crate::configuration::Configuration;

pub(super) async fn examine(configuration: &Configuration) -> Outcome {
    if let Location::Sqlite(file) = &configuration.database
        && !file.exists()
    {
        return Outcome::of("administrators_unknown", &[("reason", &"there is no database yet")]);
    }
    match labgate_store::administrators(&configuration.database).await {
        Ok(all) => judge(&all, &configuration.providers),
        Err(error) => Outcome::of("administrators_unknown", &[("reason", &error)]),
    }
}

/// Judges the administrators, each by all identities of the account.
pub(super) fn judge(all: &[StoredAdministrator], providers: &[ProviderSettings]) -> Outcome {
    let is_made = |it: &StoredAdministrator| providers.iter().any(|provider| makes(provider, it));
    let mut by_hand = Vec::new();
    let mut count = 0;
    for identities in all.chunk_by(|one, other| one.username == other.username) {
        count += 1;
        if !identities.iter().any(is_made) {
            by_hand.extend(identities.first().map(|it| it.username.as_str()));
        }
    }
    match by_hand.len() {
        0 => Outcome::of("administrators", &[("count", &count)]),
        count => Outcome::of("administrators_by_hand", &[("count", &count), ("names", &by_hand.join(", "))]),
    }
}

/// Returns whether the rule of a provider makes the account with this identity an administrator.
fn makes(provider: &ProviderSettings, identity: &StoredAdministrator) -> bool {
    let groups = provider.description().admission.administrators().unwrap_or_default();
    let is_theirs = provider
        .configured_issuer()
        .is_none_or(|issuer| identity.issuer.as_ref().is_some_and(|stated| issuer.stands_for(stated)));
    is_theirs && identity.groups.iter().any(|group| groups.contains(group))
}

#[cfg(test)]
mod tests {
    use labgate_domain::people::Username;
    use labgate_domain::protocol::Issuer;
    use labgate_provider::{Field, UncheckedSettings};

    use super::*;

    fn provider(groups: &[&str]) -> ProviderSettings {
        let settings = UncheckedSettings::default()
            .with(Field::Id, ["p"])
            .with(Field::Name, ["P"])
            .with(Field::Issuer, ["https://op.example"])
            .with(Field::ClientId, ["lab"])
            .with(Field::ClientSecret, ["s"]);
        let settings =
            if groups.is_empty() { settings } else { settings.with(Field::AdminGroups, groups.to_vec()) };
        settings.parse().unwrap()
    }

    fn administrator(name: &str, issuer: Option<&str>, groups: &[&str]) -> StoredAdministrator {
        StoredAdministrator {
            username: Username::parse(name).unwrap(),
            issuer: issuer.map(|issuer| Issuer::parse(issuer).unwrap()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    #[test]
    fn f34_administrators_that_no_rule_makes_are_named_as_a_note() {
        let (here, elsewhere) = (Some("https://op.example"), Some("https://other.example"));
        let all = [
            administrator("ada", elsewhere, &["staff"]),
            administrator("ada", here, &["staff", "lab-admins"]),
            administrator("bob", here, &["staff"]),
            administrator("carol", elsewhere, &["lab-admins"]),
            administrator("root", None, &[]),
        ];
        let told = |outcome| match outcome {
            Outcome::Good(text) => ("good", text),
            Outcome::Unknown(text) => ("note", text),
            Outcome::Bad { problem, .. } => ("bad", problem),
        };
        let (kind, text) = told(judge(&all, &[provider(&["lab-admins"])]));
        assert!(kind == "note" && text.contains("bob, carol, root (3)"), "{kind}: {text}");
        let (kind, text) = told(judge(&all, &[provider(&[])]));
        assert!(kind == "note" && text.contains("ada, bob, carol, root (4)"), "{kind}: {text}");
        let (kind, text) = told(judge(&all[..2], &[provider(&["lab-admins"])]));
        assert!(kind == "good" && text.ends_with("make 1"), "{kind}: {text}");
    }
}
