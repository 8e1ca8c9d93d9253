//! The networks that a user logs in from. The limits on strangers' attempts spare them.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::source_network::SourceNetwork;
use domain::time::Timestamp;
use store::number;

use crate::login::item::Login;

/// The time that a network is trusted after a login from it.
const TRUSTED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The most networks of a user that are trusted: those of the last logins. It bounds the login item.
const MAX_NETWORKS: usize = 20;

impl Login {
    /// Whether this user has logged in from `network` within the last thirty days. The unknown network is never
    /// trusted.
    #[must_use]
    pub fn trusts(&self, network: SourceNetwork, now: Timestamp) -> bool {
        let last = self.networks.get(&network.to_string());
        network.is_known() && last.is_some_and(|seconds| is_trusted(*seconds, now))
    }

    /// Adds two changes to `update`, whose expression so far is `set`: `network` is trusted from `now` on, and networks
    /// that are no longer trusted are removed.
    pub(crate) fn trusting(
        &self,
        update: UpdateBuilder,
        set: &str,
        network: SourceNetwork,
        now: Timestamp,
    ) -> UpdateBuilder {
        if !network.is_known() {
            return update.update_expression(set);
        }
        let network = network.to_string();
        let now_seconds = number(now.seconds());
        if self.networks.is_empty() {
            // Logins stored by an older version have no map, and a path into a missing map is an error. Of two first
            // logins at once, the map may keep one.
            let networks = AttributeValue::M([(network, now_seconds)].into());
            return update
                .update_expression(format!("{set}, networks = :networks"))
                .expression_attribute_values(":networks", networks);
        }
        let mut expression = format!("{set}, networks.#network = :now");
        let forgotten = self.forgotten(&network, now);
        let places: Vec<String> = (0..forgotten.len()).map(|place| format!("networks.#old{place}")).collect();
        if !places.is_empty() {
            expression = format!("{expression} REMOVE {}", places.join(", "));
        }
        let update = update
            .update_expression(expression)
            .expression_attribute_names("#network", network)
            .expression_attribute_values(":now", now_seconds);
        forgotten
            .into_iter()
            .enumerate()
            .fold(update, |update, (place, old)| update.expression_attribute_names(format!("#old{place}"), old))
    }

    /// The networks besides `current` that are no longer trusted, or whose last login is the oldest.
    fn forgotten(&self, current: &str, now: Timestamp) -> Vec<&str> {
        let mut others: Vec<(u64, &str)> = self
            .networks
            .iter()
            .filter(|(network, _)| *network != current)
            .map(|(network, seconds)| (*seconds, network.as_str()))
            .collect();
        others.sort_unstable();
        let too_many = others.len().saturating_sub(MAX_NETWORKS - 1);
        let is_forgotten =
            |(position, (seconds, _)): &(usize, (u64, &str))| *position < too_many || !is_trusted(*seconds, now);
        others.into_iter().enumerate().filter(is_forgotten).map(|(_, (_, network))| network).collect()
    }
}

fn is_trusted(last_seconds: u64, now: Timestamp) -> bool {
    now.since(Timestamp::from_seconds(last_seconds)) < TRUSTED_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::username::Username;
    use testkit::test_table::NOW;

    use crate::login::ProvenLogin;
    use crate::testing::TestPeople;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn network(number: usize) -> SourceNetwork {
        SourceNetwork::of_address(&format!("0:0:0:{number:x}::1"))
    }

    fn ada() -> Username {
        Username::parse("ada").unwrap()
    }

    async fn log_in_from(test: &TestPeople, network: SourceNetwork) {
        let deadline = test.clock.now().plus(Duration::from_secs(28));
        let (login, _) = test.logins().attempt(&ada(), network, deadline).await.unwrap();
        test.begin_session(&ProvenLogin::unproven(login.unwrap(), &ada(), network)).await;
    }

    async fn login(test: &TestPeople) -> Login {
        test.logins().find(&ada()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_network_is_trusted_for_thirty_days_after_the_last_login_from_it_and_then_forgotten() {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        assert!(!login(&test).await.trusts(network(1), NOW));
        log_in_from(&test, network(1)).await;
        test.clock.advance(DAY);
        log_in_from(&test, network(2)).await;
        let login_then = login(&test).await;
        assert!(login_then.trusts(network(1), NOW.plus(Duration::from_secs(30 * 86_400 - 1))));
        assert!(!login_then.trusts(network(1), NOW.plus(DAY * 30)));
        assert!(login_then.trusts(network(2), NOW.plus(DAY * 30)));
        assert!(!login_then.trusts(network(3), NOW.plus(DAY)));
        test.clock.advance(DAY * 29);
        log_in_from(&test, network(2)).await;
        let networks = login(&test).await.networks;
        assert_eq!(networks, [(network(2).to_string(), NOW.plus(DAY * 30).seconds())].into());
    }

    #[tokio::test]
    async fn the_twenty_networks_of_the_last_logins_are_kept() {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        for number in 0..23 {
            test.clock.advance(Duration::from_secs(1));
            log_in_from(&test, network(number)).await;
        }
        let networks: Vec<String> = login(&test).await.networks.into_keys().collect();
        let mut expected: Vec<String> = (3..23).map(|number| network(number).to_string()).collect();
        expected.sort();
        assert_eq!(networks, expected);
    }

    #[tokio::test]
    async fn an_unknown_network_is_never_trusted() {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        log_in_from(&test, SourceNetwork::UNKNOWN).await;
        let mut login = login(&test).await;
        assert!(login.networks.is_empty());
        login.networks.insert(SourceNetwork::UNKNOWN.to_string(), NOW.seconds());
        assert!(!login.trusts(SourceNetwork::UNKNOWN, NOW));
    }

    #[tokio::test]
    async fn a_login_that_was_stored_before_there_were_networks_still_opens() {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        let key = Login::key(&ada()).into_item();
        let request = test.table.client().update_item().table_name(test.table.name()).set_key(Some(key));
        request.update_expression("REMOVE networks").send().await.unwrap();
        log_in_from(&test, network(1)).await;
        assert!(login(&test).await.trusts(network(1), NOW));
    }
}
