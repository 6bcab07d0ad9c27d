use crate::persona::ids;
use crate::site::TENANT_TEMPLATE;
use crate::user::User;

/// The tenant of people who are given none.
pub(in crate::persona) const HOME_TENANT: &str = "11111111-2222-4333-8444-555555555555";
/// The tenant of personal accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::persona) enum Version {
    V1,
    V2,
}

/// Microsoft Entra ID for the tenant, or the tenants, that its paths name.
pub(in crate::persona) struct Entra {
    /// As it stands in the paths.
    pub(super) tenant: String,
    /// The one that everybody signs in to; `None` where everybody signs in to their own.
    one_tenant: Option<String>,
    pub(super) version: Version,
    pub(super) optional_claims: bool,
}

impl Entra {
    pub(in crate::persona) fn new(tenant: String, version: Version, optional_claims: bool) -> Self {
        Self { one_tenant: one_tenant(&tenant), tenant, version, optional_claims }
    }

    /// The tenant that a person signs in to.
    pub(super) fn tenant_of<'a>(&'a self, user: &'a User) -> &'a str {
        self.one_tenant.as_deref().unwrap_or_else(|| user.tenant.as_deref().unwrap_or(HOME_TENANT))
    }

    /// The home tenant of a guest.
    pub(super) fn home_of_guest<'a>(&self, user: &'a User) -> Option<&'a str> {
        let one = self.one_tenant.as_deref()?;
        user.tenant.as_deref().filter(|home| !home.eq_ignore_ascii_case(one))
    }

    /// The tenant in the published issuer.
    pub(super) fn template_or_tenant(&self) -> &str {
        self.one_tenant.as_deref().unwrap_or(TENANT_TEMPLATE)
    }

    /// The tenant in the published paths. A domain name leads to the same endpoints as the tenant's GUID,
    /// which is what is published.
    pub(super) fn published(&self) -> &str {
        self.one_tenant.as_deref().filter(|_| self.is_domain()).unwrap_or(&self.tenant)
    }

    pub(super) fn is_domain(&self) -> bool {
        self.tenant.contains('.')
    }
}

/// The GUID of a tenant that is named by it, by a domain name, or by `consumers`.
fn one_tenant(tenant: &str) -> Option<String> {
    match tenant {
        "common" | "organizations" => None,
        "consumers" => Some(CONSUMERS.to_owned()),
        _ if ids::is_guid(tenant) => Some(tenant.to_ascii_lowercase()),
        _ => Some(HOME_TENANT.to_owned()),
    }
}
