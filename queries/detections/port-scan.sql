-- title       = "A processing job tried many ports or many addresses"
-- severity    = "medium"
-- mitre       = ["T1046"]
-- description = """
-- From one interface of a job, within a short time: many ports of one address (vertical), or one port of many addresses
-- (horizontal), nearly all refused, not answered, or given up after a few packets. Traffic between a job's own
-- instances, to S3, DNS, and answers to clients are not counted. A vertical scan has no port in its key, a horizontal
-- one no address. attempted-egress and unexpected-egress may report single tries that leave the VPC, each for where it
-- goes; this one for what they are together. Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "find out what in the job's code probes the network, and let its security group out to the services that it needs only"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "srcport", "dstport", "action", "start"]
-- actions     = ["ACCEPT", "REJECT"]
-- improves    = ["protocol", "tcp_flags", "flow_direction", "packets", "pkt_dstaddr"]
-- [params]
-- # Ports of one address that make a vertical scan.
-- min_ports = 20
-- # Addresses with the same port that make a horizontal scan.
-- min_addresses = 20
-- # Seconds within which that many must be tried.
-- window_secs = 600
-- # A connection of at most this many packets, both directions together, counts as an attempt although it was answered.
-- max_packets = 6
WITH tries AS (
    -- One row for each address and port that was tried, with the outcome.
    SELECT
        coalesce(job_arn, job_name, interface_id) AS job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(subnet_id) AS subnet_id,
        min(interface_id) AS interface_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(remote_interface_id) AS remote_interface_id,
        min(remote_scope) AS remote_scope,
        bool_and(opened_by IS NOT NULL) AS opened,
        sum(accepted_in) > 0 AS is_answered,
        sum(accepted_in) = 0 AND sum(rejected_out + rejected_in) > 0 AS is_refused,
        sum(accepted_in) = 0 OR sum(accepted_packets) <= $max_packets * sum(connections) AS is_try,
        sum(records) AS records,
        sum(accepted_packets + rejected_packets) AS packets,
        sum(accepted_bytes_out + rejected_bytes_out) AS bytes_out,
        sum(accepted_bytes_in + rejected_bytes_in) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM peers
    WHERE attribution IS NOT NULL
        AND protocol IN (6, 17)
        AND remote_port > 0
        AND remote_port <> 53
        AND remote_addr IS NOT NULL
        AND s3_path IS NULL
        AND coalesce(remote_scope, 'internet') NOT IN ('s3', 'same-job', 'local')
        AND (opened_by = 'local' OR (opened_by IS NULL AND accepted_in + rejected_in = 0))
        AND accepted_out + rejected_out > 0
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (network_isolation IS NOT TRUE OR eni_role = 'platform')
        AND allowed_by(coalesce(job_name, job_candidates), remote_addr, remote_scope, remote_port, protocol) IS NULL
    GROUP BY coalesce(job_arn, job_name, interface_id), local_addr, remote_addr, remote_port, protocol
),
keyed AS (
    -- Both shapes at once: a row without port is vertical, one without address horizontal.
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(subnet_id) AS subnet_id,
        min(interface_id) AS interface_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(remote_interface_id) AS any_remote_interface,
        min(remote_scope) AS least_scope,
        max(remote_scope) AS greatest_scope,
        count(*) AS tries,
        most_within(array_agg(CAST(first_seen AS BIGINT)), CAST($window_secs AS BIGINT)) AS burst,
        sum(CASE WHEN is_refused THEN 1 ELSE 0 END) AS refused,
        sum(CASE WHEN is_answered THEN 1 ELSE 0 END) AS answered,
        bool_and(opened) AS opened,
        array_agg(tried_port) AS ports,
        array_agg(tried_addr) AS addresses,
        CAST(sum(records) AS BIGINT) AS flows,
        CAST(sum(packets) AS BIGINT) AS packets,
        CAST(sum(bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM (SELECT *, remote_port AS tried_port, remote_addr AS tried_addr FROM tries WHERE is_try)
    GROUP BY GROUPING SETS ((job, local_addr, protocol, remote_addr), (job, local_addr, protocol, remote_port))
)
SELECT
    CASE
        WHEN NOT opened THEN 'weak'
        WHEN attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        local_addr,
        CASE
            WHEN remote_port IS NULL THEN concat(' tried ', tries, ' ports of ', remote_addr)
            ELSE concat(' tried port ', remote_port, ' of ', tries, ' addresses')
        END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), '), ', burst, ' of them within ',
        $window_secs, ' s: ', refused, ' refused, ', tries - refused - answered, ' not answered, ', answered,
        ' given up after a few packets; among them ',
        CASE
            WHEN remote_port IS NULL THEN array_to_string(array_slice(array_sort(ports), 1, 5), ', ')
            ELSE array_to_string(array_slice(array_sort(addresses), 1, 5), ', ')
        END,
        CASE WHEN NOT opened THEN '; for some, the records do not show which side opened them' END,
        CASE attribution
            WHEN 'shared' THEN concat('; the interface may serve any of ', job_candidates)
            WHEN 'inferred' THEN '; the job is inferred: the interface may belong to another job or service'
        END
    ) AS reason,
    first_seen,
    last_seen,
    account_id,
    region,
    vpc_id,
    subnet_id,
    interface_id,
    job_name,
    job_arn,
    job_candidates,
    attribution,
    local_addr,
    remote_addr,
    remote_port,
    protocol,
    CASE WHEN remote_port IS NULL THEN any_remote_interface END AS remote_interface_id,
    CASE WHEN least_scope = greatest_scope THEN least_scope END AS remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    array_concat(evidence_accepted, evidence_rejected) AS evidence
FROM keyed
WHERE burst >= CASE WHEN remote_port IS NULL THEN $min_ports ELSE $min_addresses END
