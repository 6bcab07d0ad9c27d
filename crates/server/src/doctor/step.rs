/// Defines the steps with their words; `docs/doctor.md` lists the same.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What is looked at: the settings, then each provider, then the lab.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Step { $($(#[$doc])* $name,)+ }

        impl Step {
            /// Every step.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

steps! {
    /// The settings as a whole.
    Configuration = "configuration",
    /// The settings of one provider.
    Settings = "settings",
    /// The document that names both endpoints, and the issuer.
    Metadata = "metadata",
    /// The provider's keys.
    Keys = "keys",
    /// What identity tokens are signed with.
    Algorithms = "algorithms",
    /// What the provider says of PKCE.
    Pkce = "pkce",
    /// The authorization endpoint's answer to an authorization request.
    Authorization = "authorization",
    /// The clocks.
    Clock = "clock",
    /// The redirect URI.
    RedirectUri = "redirect_uri",
    /// The issuer in the authorization response.
    Issuer = "issuer",
    /// The scopes.
    Scopes = "scopes",
    /// Certificates, or that there are none.
    Tls = "tls",
    /// The client's id and secret.
    Client = "client",
    /// Where the public URL leads.
    PublicUrl = "public_url",
    /// The providers of the lab that answers.
    Providers = "providers",
    /// Whether cookies come back.
    Cookie = "cookie",
    /// Whether it is known where people come from.
    ForwardedFor = "forwarded_for",
    /// Whether headers that claim to be somebody open anything.
    IdentityHeaders = "identity_headers",
    /// Whether services behind the proxy believe such headers.
    Services = "services",
    /// The keys of the session tokens, across replicas.
    SigningKeys = "signing_keys",
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn doctor_md_lists_every_step_in_its_order_and_no_other() {
        let document = include_str!("../../../../docs/doctor.md");
        let listed = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let steps = Step::ALL.iter().map(|step| step.as_str());
        assert!(listed.eq(steps), "docs/doctor.md and Step differ");
    }
}
