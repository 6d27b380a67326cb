// SPDX-License-Identifier: BSD-2-Clause
//! What ssh's messages mean. Nothing is decided by them but whether trying
//! again can help, and what a person is advised to do.

/// What kept a connection from coming up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The name is not known.
    Name,
    /// The host's key is another than the known one.
    HostKeyChanged,
    /// The host's key is not known.
    HostKeyUnknown,
    /// The private key that the inventory names can't be used.
    Key,
    /// The host does not let us in.
    Refused,
    /// ssh does not accept its own configuration, or is not installed.
    Configuration,
    /// We are let in, but no command can be run there.
    Shell,
    /// The network, or the host's sshd.
    Link,
}

/// Beginnings of meaning in ssh's messages; the first that is found decides.
const MEANINGS: [(&str, Trouble); 15] = [
    ("IDENTIFICATION HAS CHANGED", Trouble::HostKeyChanged),
    ("REVOKED HOST KEY", Trouble::HostKeyChanged),
    ("host key is known for", Trouble::HostKeyUnknown),
    ("Host key verification failed", Trouble::HostKeyUnknown),
    // What ssh says of a key is followed by that it was not let in.
    ("no such identity: ", Trouble::Key),
    ("Load key ", Trouble::Key),
    ("Permission denied (", Trouble::Refused),
    ("Too many authentication failures", Trouble::Refused),
    ("Name or service not known", Trouble::Name),
    ("No address associated with hostname", Trouble::Name),
    ("Bad configuration option", Trouble::Configuration),
    ("Bad owner or permissions", Trouble::Configuration),
    ("bad configuration options", Trouble::Configuration),
    ("Unsupported option", Trouble::Configuration),
    ("jumphost loop", Trouble::Configuration),
];

impl Trouble {
    /// What `messages`, ssh's lines in order, are about.
    #[must_use]
    pub fn of(messages: &[String]) -> Self {
        MEANINGS
            .iter()
            .find(|(text, _)| messages.iter().any(|line| line.contains(text)))
            .map_or(Self::Link, |(_, trouble)| *trouble)
    }

    /// Whether the same may work a moment later.
    #[must_use]
    pub fn can_pass(self) -> bool {
        self == Self::Link
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Name => "correct `host` in the inventory, or add the name to DNS or /etc/hosts",
            Self::HostKeyChanged => {
                "if the VM was installed anew, remove its old key with `ssh-keygen -R`; if not, find out who answers"
            }
            Self::HostKeyUnknown => {
                "connect once with `ssh` and compare the key, or set host_keys = \"accept-new\""
            }
            Self::Key => {
                "correct `identity` in the inventory; the file must be a private key that only its owner may read (chmod 600)"
            }
            Self::Refused => {
                "name the right `user` and `identity`, and add the public key to authorized_keys there"
            }
            Self::Configuration => "mend ssh's own configuration",
            Self::Shell => {
                "give the user a shell that runs commands, and remove what its start-up files print"
            }
            Self::Link => {
                "see that the VM is up, that its sshd runs, and that `host` and `port` are right"
            }
        }
    }
}

/// A connection that did not come up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ConnectError {
    /// Which kind.
    pub trouble: Trouble,
    /// One line, ssh's own words where it had any.
    pub what: String,
}

impl ConnectError {
    /// From what ssh said before it gave up.
    #[must_use]
    pub fn from_messages(messages: &[String]) -> Self {
        let trouble = Trouble::of(messages);
        let telling = MEANINGS
            .iter()
            .filter(|(_, meaning)| *meaning == trouble)
            .find_map(|(text, _)| messages.iter().find(|line| line.contains(text)))
            .or(messages.last());
        Self {
            trouble,
            what: match telling {
                None => "ssh ended without a word".into(),
                Some(line) => line.trim_matches([' ', '@']).to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(messages: &[&str]) -> (Trouble, String) {
        let messages: Vec<String> = messages.iter().map(|&line| line.to_owned()).collect();
        let error = ConnectError::from_messages(&messages);
        (error.trouble, error.what)
    }

    #[test]
    fn the_telling_line_is_found_among_others() {
        assert_eq!(
            error(&[
                "Warning: something",
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
                "Host key verification failed.",
            ]),
            (
                Trouble::HostKeyChanged,
                "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!".into()
            )
        );
        assert_eq!(
            error(&[
                "No ED25519 host key is known for [127.0.0.1]:1 and you have requested strict checking.",
                "Host key verification failed.",
            ])
            .0,
            Trouble::HostKeyUnknown
        );
    }

    #[test]
    fn a_key_that_can_not_be_used_is_named() {
        let refused = "root@h: Permission denied (publickey).";
        for said in [
            "no such identity: /k: No such file or directory",
            "Load key \"/k\": bad permissions",
        ] {
            let found = error(&["Permissions 0644 for '/k' are too open.", said, refused]);
            assert_eq!(found, (Trouble::Key, said.into()));
        }
        assert_eq!(error(&[refused]), (Trouble::Refused, refused.into()));
    }

    #[test]
    fn only_trouble_of_the_link_can_pass() {
        for link in [
            "ssh: connect to host h port 22: Connection refused",
            "ssh: connect to host h port 22: No route to host",
            "Connection timed out during banner exchange",
            "kex_exchange_identification: Connection closed by remote host",
            "ssh: Could not resolve hostname h: Temporary failure in name resolution",
        ] {
            let (trouble, what) = error(&[link]);
            assert!(trouble.can_pass(), "{link}");
            assert_eq!(what, link);
        }
        for lasting in [
            "ssh: Could not resolve hostname h: Name or service not known",
            "root@h: Permission denied (publickey).",
            "Host key verification failed.",
            "/root/.ssh/config: line 3: Bad configuration option: foo",
        ] {
            assert!(!error(&[lasting]).0.can_pass(), "{lasting}");
        }
        assert_eq!(
            error(&[]),
            (Trouble::Link, "ssh ended without a word".into())
        );
    }
}
