/// Defines the steps with their words; `docs/doctor.md` lists the same.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A step of the examination: the settings, then each provider, then the lab.
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
    /// The signature algorithms of ID tokens.
    Algorithms = "algorithms",
    /// The provider's statement about PKCE.
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
    /// The page after sign-out.
    Logout = "logout",
    /// The public URL.
    PublicUrl = "public_url",
    /// The providers of the lab that answers.
    Providers = "providers",
    /// The round trip of cookies.
    Cookie = "cookie",
    /// The client addresses.
    ForwardedFor = "forwarded_for",
    /// The connections between the proxy and Labgate.
    KeptConnections = "kept_connections",
    /// Identity headers of clients at the lab.
    IdentityHeaders = "identity_headers",
    /// Identity headers of clients at services behind the proxy.
    Services = "services",
    /// The keys of the session tokens, across replicas.
    SigningKeys = "signing_keys",
    /// The services that administrators added.
    AddedServices = "added_services",
    /// The session that services are asked for with.
    Session = "session",
    /// A service without a session.
    Protected = "protected",
    /// The address to come back to after signing in.
    WayBack = "way_back",
    /// A script's request to a service without a session.
    Fetch = "fetch",
    /// The way from the host of a service to Labgate's.
    Entry = "entry",
    /// What cannot be seen without a session.
    WithSession = "with_session",
    /// Requests with and without the session, where the service would be.
    Reached = "reached",
    /// Identity headers of clients, where the service would be.
    SpoofedHeaders = "spoofed_headers",
    /// Labgate's cookies, where the service would be.
    CookieStripped = "cookie_stripped",
    /// What tells the service who asks.
    Identity = "identity",
    /// The upgrade to WebSocket, and to other protocols.
    Websocket = "websocket",
    /// The administrators that no rule makes.
    Administrators = "administrators",
    /// The settings of the running replicas.
    Replicas = "replicas",
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
