/*
 * What Sentinels and Clusters are set to: in full what operators choose, in the short form scaled as leases are.
 */

export const sentinelSetting = ({ isShort }) =>
  isShort
    ? { downAfterMs: 800, failoverTimeoutMs: 5000, helloMs: 200 }
    : { downAfterMs: 2000, failoverTimeoutMs: 10_000 };

export const clusterSetting = ({ isShort }) => ({ replicas: 1, nodeTimeoutMs: isShort ? 500 : 2000 });

/** Where nothing is to fail over, a machine that is busy for some seconds must not make it. */
export const steadySentinels = () => ({ downAfterMs: 10_000, failoverTimeoutMs: 10_000 });
export const steadyCluster = () => ({ replicas: 1, nodeTimeoutMs: 10_000 });
