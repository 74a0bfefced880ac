-- title       = "A processing job sent traffic out of its VPC that no allow rule covers"
-- severity    = "medium"
-- mitre       = ["T1048", "T1071"]
-- description = """
-- Traffic that left a job's interface, was accepted, was not an answer to somebody else's connection, and went
-- to another VPC, a private network, a public AWS address or the internet without a rule in flowq.toml that
-- allows it. S3 is judged by s3-endpoint-bypass, isolated jobs by isolated-job-traffic.
-- """
-- remediation = "find out what in the job's code makes the connection; close it in the security group's egress rules, or allow it in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_srcaddr", "pkt_dstaddr", "bytes"]
-- [params]
-- # Findings of fewer bytes, both directions together, are left out.
-- min_bytes = 0
-- # From here on, what went out to the internet is critical: 1 GiB is no telemetry.
-- critical_bytes_out = 1073741824
WITH vpc_of AS (
    SELECT interface_id, min(vpc_id) AS vpc_id FROM enis GROUP BY interface_id
),
judged AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job
    FROM peers AS c
    LEFT JOIN vpc_of AS r ON r.interface_id = c.remote_interface_id
    WHERE c.attribution IS NOT NULL
        AND c.accepted_out > 0
        AND (c.opened_by IS DISTINCT FROM 'remote')
        -- The container of an isolated job has a detection of its own: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
        AND (
            c.remote_scope IN ('private', 'aws', 'internet')
            OR (c.remote_scope = 'other-job' AND r.vpc_id <> c.vpc_id)
        )
        AND allowed_by(c.job_name, c.remote_addr, c.remote_scope, c.remote_port, c.protocol) IS NULL
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
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
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(accepted_out + accepted_in) AS BIGINT) AS flows,
        CAST(sum(accepted_in) AS BIGINT) AS answers,
        CAST(sum(accepted_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
        flatten(array_agg(evidence_accepted)) AS evidence
    FROM judged
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
)
SELECT
    CASE
        WHEN remote_scope = 'internet' AND coalesce(bytes_out, 0) >= $critical_bytes_out THEN 'critical'
        WHEN remote_scope = 'internet' THEN 'high'
    END AS severity,
    CASE
        WHEN NOT opened THEN 'weak'
        WHEN attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        local_addr,
        CASE WHEN opened THEN ' opened ' ELSE ' may have opened ' END,
        conversations,
        CASE WHEN conversations = 1 THEN ' connection to ' ELSE ' connections to ' END,
        remote_addr,
        CASE WHEN remote_port > 0 THEN concat(' port ', remote_port) END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), ', ',
        CASE remote_scope
            WHEN 'private' THEN 'a private network outside the VPC'
            WHEN 'aws' THEN 'a public AWS address'
            WHEN 'other-job' THEN 'a job in another VPC'
            ELSE 'the internet'
        END,
        '); ',
        CASE WHEN answers > 0 THEN 'it was answered' ELSE 'no answer was seen' END,
        ', and no allow rule fits',
        CASE WHEN NOT opened THEN '; the records do not tell who opened it' END,
        CASE attribution
            WHEN 'shared' THEN concat('; the interface may serve any of ', job_candidates)
            WHEN 'inferred' THEN '; the job follows from subnet and time only'
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
    remote_interface_id,
    remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    concat(
        CASE remote_scope
            WHEN 'aws' THEN 'reach the service through an interface endpoint, '
            ELSE 'find what in the job''s code connects there and close it in the egress rules of its security group, '
        END,
        'or allow it in flowq.toml: [[allow]] to = "', remote_addr,
        CASE WHEN remote_addr LIKE '%:%' THEN '/128"' ELSE '/32"' END,
        CASE WHEN remote_port > 0 THEN concat(', ports = [', remote_port, ']') END
    ) AS remediation,
    evidence
FROM keyed
WHERE coalesce(bytes_out, 0) + coalesce(bytes_in, 0) >= $min_bytes
