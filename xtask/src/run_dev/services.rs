//! The services of the lab that `run-dev` shows.

use std::fmt::Write as _;

/// A service that greets people.
pub(super) struct Service {
    id: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// The name of its own host, if it has one.
    host: Option<&'static str>,
    /// Its path: empty for a whole host.
    path: &'static str,
    /// The rest of its section.
    further: &'static str,
}

/// The host of Labgate's own pages.
pub(super) const LAB_HOST: &str = "127.0.0.1";

pub(super) const SERVICES: [Service; 3] = [
    Service {
        id: "experiments",
        name: "Experiments",
        description: "On a path of the lab's host, for every user",
        host: None,
        path: "/experiments",
        further: "runs_user_code = false\ngroups = [\"*\"]\n",
    },
    Service {
        id: "notebooks",
        name: "Notebooks",
        description: "On a host of its own, because it runs its users' code",
        host: Some("notebooks.localhost"),
        path: "",
        further: "runs_user_code = true\n",
    },
    Service {
        id: "cluster",
        name: "Cluster",
        description: "For the group lab-admins, but its status is public",
        host: None,
        path: "/cluster",
        further: "runs_user_code = false\nallow_groups = [\"lab-admins\"]\n\n  [[service.rule]]\n  \
                  path = \"/cluster/status\"\n  allow = \"signed_in\"\n",
    },
];

impl Service {
    /// Returns its address in a lab at this port of loopback.
    pub(super) fn url(&self, port: u16) -> String {
        format!("http://{}:{port}{}", self.host.unwrap_or(LAB_HOST), self.path)
    }

    /// Returns the service that has this host, without port, and this path. Each other path of the lab's host is
    /// Labgate's own; whatever is unclear about a path is for Labgate to refuse.
    pub(super) fn find(host: &str, path: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|service| {
            let below = path.strip_prefix(service.path);
            let has_path = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            has_path && host.eq_ignore_ascii_case(service.host.unwrap_or(LAB_HOST))
        })
    }
}

/// Returns the configuration file of a lab with these services at this port of loopback.
pub(super) fn configuration(port: u16) -> String {
    let mut file =
        "# Written by `cargo xtask run-dev` at each start.\n\n# The front door tells who the client is.\n\
                    trusted_proxies = [\"127.0.0.1\"]\n"
            .to_owned();
    for service in &SERVICES {
        let Service { id, name, description, further, .. } = service;
        let url = service.url(port);
        // Writing to a string does not fail.
        let _ = write!(
            file,
            "\n[[service]]\nid = \"{id}\"\nname = \"{name}\"\ndescription = \"{description}\"\nurl = \"{url}\"\n{further}"
        );
    }
    file
}
