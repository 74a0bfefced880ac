-- title       = "A processing job's traffic is not in its baseline"
-- severity    = "medium"
-- mitre       = ["T1071", "T1048"]
-- description = """
-- A job opened a connection to a destination, port or protocol that no run behind the baseline of its family
-- opened, or sent more bytes there than the baseline's band. In the VPC, to endpoints, AWS services and S3, and to
-- what a general allow rule lets pass. What no allow rule covers is unexpected-egress's, other jobs are
-- cross-job-traffic's, isolated containers are isolated-job-traffic's: one cause, one finding. Jobs of which no
-- baseline was learned are not judged.
-- """
-- remediation = "find out what changed in the job; if it is intended, learn the baseline again (flowq baseline learn), review the difference and commit it"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- actions     = ["ACCEPT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_srcaddr", "pkt_dstaddr", "bytes"]
-- needs       = { baseline = "there is no baseline; flowq baseline learn writes one" }
-- [params]
-- # Traffic above its byte limit is low; from this multiple of the limit on it is medium.
-- medium_factor = 10.0
WITH judged AS (
    SELECT
        *,
        coalesce(job_arn, job_name, interface_id) AS job,
        destination_of(remote_addr, remote_scope) AS destination,
        baseline_rule(job_name, remote_addr, remote_scope, remote_port, protocol) AS rule,
        -- What unexpected-egress reports.
        remote_scope IN ('private', 'aws', 'internet')
            AND allowed_by(coalesce(job_name, job_candidates), remote_addr, remote_scope, remote_port, protocol) IS NULL AS is_unexpected
    FROM peers
    WHERE attribution IS NOT NULL
        AND accepted_out > 0
        AND (opened_by IS DISTINCT FROM 'remote')
        AND (network_isolation IS NOT TRUE OR eni_role = 'platform')
        AND remote_scope IN ('same-job', 'vpc', 'endpoint', 's3', 'private', 'aws', 'internet')
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        max(rule) AS rule,
        min(destination) AS destination,
        min(accepted_first) AS first_seen,
        max(accepted_last) AS last_seen,
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
        bool_or(coalesce(opened_by = 'local', false)) AS opened,
        sum(connections) AS connections,
        sum(accepted_out + accepted_in) AS flows,
        sum(accepted_packets) AS packets,
        sum(accepted_bytes_out) AS bytes_out,
        sum(accepted_bytes_in) AS bytes_in,
        first_records(evidence_accepted) AS evidence
    FROM judged
    WHERE rule IS NOT NULL AND NOT (rule = 0 AND is_unexpected)
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
),
-- One row for each new destination and port, and one for each rule, whose limit counts all that it matches. It shows
-- what was seen first.
summed AS (
    SELECT
        job,
        rule,
        first_value(destination ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS destination,
        first_value(local_addr ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS local_addr,
        first_value(remote_addr ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS remote_addr,
        first_value(remote_port ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS remote_port,
        first_value(protocol ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS protocol,
        first_value(subnet_id ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS subnet_id,
        first_value(interface_id ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS interface_id,
        first_value(remote_interface_id ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol)
            AS remote_interface_id,
        first_value(remote_scope ORDER BY first_seen, remote_addr, local_addr, remote_port, protocol) AS remote_scope,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        bool_or(opened) AS opened,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        count(DISTINCT remote_addr) AS addresses,
        CAST(sum(connections) AS BIGINT) AS connections,
        CAST(sum(flows) AS BIGINT) AS flows,
        CAST(sum(packets) AS BIGINT) AS packets,
        CAST(sum(bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence) AS evidence
    FROM keyed
    GROUP BY
        job,
        rule,
        CASE WHEN rule = 0 THEN destination END,
        CASE WHEN rule = 0 THEN remote_port END,
        CASE WHEN rule = 0 THEN protocol END
)
SELECT
    CASE
        WHEN s.rule = 0 AND s.remote_scope = 'same-job' THEN 'low'
        WHEN s.rule > 0 AND s.bytes_out < b.bytes_out_max * $medium_factor THEN 'low'
    END AS severity,
    CASE
        WHEN NOT s.opened THEN 'weak'
        WHEN s.attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        s.local_addr,
        CASE WHEN s.opened THEN ' opened ' ELSE ' may have opened ' END,
        s.connections,
        CASE WHEN s.connections = 1 THEN ' connection to ' ELSE ' connections to ' END,
        CASE s.destination
            WHEN 'same-job' THEN 'another instance of its job, '
            WHEN 'vpc' THEN 'a host of its VPC, '
            WHEN s.remote_addr THEN ''
            ELSE concat(replace(s.destination, ':', ' '), ', ')
        END,
        s.remote_addr,
        CASE WHEN s.remote_port > 0 THEN concat(' port ', s.remote_port) END,
        ' (', coalesce(protocol_name(s.protocol), concat('protocol ', s.protocol)), ')',
        CASE WHEN s.addresses > 1 THEN concat(' and ', s.addresses - 1, ' more of its addresses') END,
        CASE
            WHEN s.rule = 0 THEN ', which is not in the baseline of its family'
            ELSE concat(
                ', and sent ', s.bytes_out, ' bytes; the baseline allows at most ', b.bytes_out_max, ' (', b.reason, ')'
            )
        END,
        CASE WHEN NOT s.opened THEN '; the records do not show which side opened it' END,
        CASE s.attribution WHEN 'inferred' THEN '; the job is inferred: the interface may belong to another job or service' END
    ) AS reason,
    s.first_seen,
    s.last_seen,
    s.account_id,
    s.region,
    s.vpc_id,
    s.subnet_id,
    s.interface_id,
    s.job_name,
    s.job_arn,
    s.job_candidates,
    s.attribution,
    s.local_addr,
    s.remote_addr,
    s.remote_port,
    s.protocol,
    s.remote_interface_id,
    s.remote_scope,
    s.flows,
    s.packets,
    s.bytes_out,
    s.bytes_in,
    CASE WHEN s.rule = 0 THEN 'new destination' ELSE 'more bytes than before' END AS cause,
    s.evidence
FROM summed AS s
LEFT JOIN baseline AS b ON b.rule = s.rule
WHERE s.rule = 0 OR s.bytes_out > b.bytes_out_max
