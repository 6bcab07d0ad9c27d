use super::policy::Policy;
use super::provider_list::ProviderList;
use super::refusals::Refusals;
use crate::error::{Refusal, SignInError};
use crate::provider::{ProviderDescription, ProviderHealth, ProviderId};
use crate::return_to::ReturnTo;

/// The identity providers, for pages that offer them.
#[derive(Clone, Copy)]
pub struct Providers<'a> {
    /// The providers.
    pub list: ProviderList<'a>,
    /// Says whether a password is another way in.
    pub policy: &'a Policy,
    /// Records refusals.
    pub refusals: Refusals<'a>,
}

/// The providers as the sign-in page offers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// All of them, whatever their health: the one that the link asks for, the one that was used last, the
    /// others as they are configured.
    pub providers: Vec<OfferedProvider>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedProvider {
    /// Its description.
    pub description: ProviderDescription,
    /// Its health, as far as that is known without asking it.
    pub health: ProviderHealth,
    /// It is the one that this browser remembers.
    pub is_last_used: bool,
}

impl Providers<'_> {
    /// Returns the providers with their health, without asking them; the default one first.
    #[must_use]
    pub fn all(&self) -> Vec<(ProviderDescription, ProviderHealth)> {
        self.list.0.iter().map(|provider| (provider.description(), provider.health())).collect()
    }

    /// Returns the provider that a link names, if there is one of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ProviderId> {
        ProviderId::parse(name).ok().filter(|id| self.list.get(Some(id)).is_ok())
    }

    /// Refuses a link that names no provider of this lab.
    #[must_use]
    pub fn refuse_unknown(&self, return_to: ReturnTo) -> Refusal {
        self.refusals.refuse(SignInError::ProviderUnknown, return_to)
    }

    /// Returns the providers in the order in which to offer them. The browser's word on the one used last
    /// cannot be trusted: it moves one of the configured providers to the front, and does nothing else.
    #[must_use]
    pub fn offer(&self, asked_for: Option<&ProviderId>, last_used: Option<&ProviderId>) -> Offer {
        let last_used = self.worth_remembering(last_used);
        let mut providers: Vec<_> = self
            .all()
            .into_iter()
            .map(|(description, health)| {
                let is_last_used = Some(&description.id) == last_used;
                OfferedProvider { description, health, is_last_used }
            })
            .collect();
        let is_asked_for = |provider: &OfferedProvider| Some(&provider.description.id) == asked_for;
        // The sort is stable: all others keep their order.
        providers.sort_by_key(|provider| (!is_asked_for(provider), !provider.is_last_used));
        Offer { providers }
    }

    /// Returns the provider that a browser should remember: its name, where there are several to choose from.
    /// `None` is a sign-in with a password.
    #[must_use]
    pub fn worth_remembering<'a>(&self, used: Option<&'a ProviderId>) -> Option<&'a ProviderId> {
        used.filter(|_| self.list.0.len() > 1)
    }

    /// Returns whether there is another way of signing in when one does not work.
    #[must_use]
    pub fn has_several_ways(&self) -> bool {
        self.list.0.len() + usize::from(self.policy.passwords) > 1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::ErrorCode;
    use crate::ports::{MockIdentityProvider, SignInEvent};
    use crate::provider::EmailTrust;
    use crate::sign_in::testing::{Scene, World};
    use crate::time::Timestamp;

    const DOWN: ProviderHealth = ProviderHealth::Unavailable { since: Timestamp::from_unix_seconds(1) };

    fn id(name: &str) -> ProviderId {
        ProviderId::parse(name).unwrap()
    }

    /// A lab with these providers, all of which are down.
    fn scene(names: &[&str]) -> Scene {
        let mut world = World::default();
        for name in names {
            let mut provider = MockIdentityProvider::new();
            provider.expect_description().return_const(ProviderDescription {
                id: id(name),
                name: name.to_uppercase(),
                email_trust: EmailTrust::Claim,
                admission: Arc::default(),
                revalidation: None,
            });
            provider.expect_health().return_const(DOWN);
            world.providers.push(provider);
        }
        world.scene()
    }

    /// The offer in one line: a star is what was used last.
    fn offered(names: &[&str], asked_for: Option<&str>, last_used: Option<&str>) -> String {
        let offer =
            scene(names).sign_in.providers().offer(asked_for.map(id).as_ref(), last_used.map(id).as_ref());
        let names = offer.providers.iter().map(|provider| {
            assert_eq!(provider.health, DOWN);
            format!("{}{}", provider.description.id, if provider.is_last_used { "*" } else { "" })
        });
        let names: Vec<_> = names.collect();
        names.join(" ")
    }

    #[test]
    fn the_provider_used_last_comes_first_and_hides_no_other() {
        const ALL: &[&str] = &["a", "b", "c"];
        assert_eq!(offered(ALL, None, None), "a b c");
        assert_eq!(offered(ALL, None, Some("c")), "c* a b");
        assert_eq!(offered(ALL, None, Some("a")), "a* b c");
        assert_eq!(offered(ALL, Some("b"), None), "b a c");
        assert_eq!(offered(ALL, Some("b"), Some("c")), "b c* a");
        assert_eq!(offered(ALL, Some("b"), Some("b")), "b* a c");
        assert_eq!(offered(ALL, None, Some("gone")), "a b c");
    }

    #[test]
    fn without_a_choice_no_provider_is_remembered() {
        assert_eq!(offered(&["a"], None, Some("a")), "a");
        assert_eq!(offered(&[], None, Some("a")), "");
        let remembers = |names, used: Option<&str>| {
            scene(names).sign_in.providers().worth_remembering(used.map(id).as_ref()).is_some()
        };
        assert!(remembers(&["a", "b"], Some("a")));
        assert!(!remembers(&["a", "b"], None));
        assert!(!remembers(&["a"], Some("a")));
    }

    #[test]
    fn a_link_names_a_provider_exactly_or_none_and_keeps_its_target() {
        let scene = scene(&["a", "b"]);
        assert_eq!(scene.sign_in.providers().find("b"), Some(id("b")));
        for unknown in ["c", "A", "", "<script>", &"a".repeat(33)] {
            assert_eq!(scene.sign_in.providers().find(unknown), None, "{unknown}");
        }
        let refusal = scene.sign_in.providers().refuse_unknown(ReturnTo::or_main_page("/x"));
        assert_eq!(
            (refusal.error.code(), refusal.return_to.path()),
            (ErrorCode::ProviderUnknown, Some("/x"))
        );
        assert!(matches!(scene.log.events().last(), Some(SignInEvent::Refused { .. })));
    }
}
