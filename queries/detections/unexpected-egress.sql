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
-- actions     = ["ACCEPT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_srcaddr", "pkt_dstaddr", "bytes"]
-- [params]
-- # Findings with fewer bytes, both directions together, are not reported.
-- min_bytes = 0
-- # From here on, traffic to the internet is critical: 1 GiB is no telemetry.
-- critical_bytes_out = 1073741824
WITH known_vpc AS (
    SELECT vpc_id FROM vpcs WHERE cardinality(cidrs) > 0
    UNION
    SELECT vpc_id FROM subnets WHERE cardinality(cidrs) > 0
),
ranges AS (
    -- Whether the inventory distinguishes S3 and other AWS addresses from the rest of the internet.
    SELECT count(*) > 0 AS known
    FROM (
        SELECT service FROM ip_ranges
        UNION ALL
        SELECT prefix_list_id FROM prefix_lists WHERE cidr IS NOT NULL
        UNION ALL
        SELECT remote_scope FROM peers WHERE remote_scope IN ('aws', 's3')
    )
),
judged AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        CASE c.remote_scope
            WHEN 'private' THEN v.vpc_id IS NULL
            WHEN 'internet' THEN NOT r.known
            ELSE false
        END AS is_unplaced
    FROM peers AS c
    CROSS JOIN ranges AS r
    LEFT JOIN known_vpc AS v ON v.vpc_id = c.vpc_id
    WHERE c.attribution IS NOT NULL
        AND c.accepted_out > 0
        AND (c.opened_by IS DISTINCT FROM 'remote')
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
        -- Another VPC is private to this one, or AWS's by its public addresses.
        AND c.remote_scope IN ('private', 'aws', 'internet')
        AND allowed_by(coalesce(c.job_name, c.job_candidates), c.remote_addr, c.remote_scope, c.remote_port, c.protocol) IS NULL
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
        bool_or(is_unplaced) AS is_unplaced,
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(accepted_out + accepted_in) AS BIGINT) AS flows,
        CAST(sum(accepted_in) AS BIGINT) AS answers,
        CAST(sum(accepted_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence
    FROM judged
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
)
SELECT
    CASE
        WHEN is_unplaced THEN NULL
        WHEN remote_scope = 'internet' AND coalesce(bytes_out, 0) >= $critical_bytes_out THEN 'critical'
        WHEN remote_scope = 'internet' THEN 'high'
    END AS severity,
    CASE
        WHEN NOT opened OR is_unplaced THEN 'weak'
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
            ELSE 'the internet'
        END,
        '); ',
        CASE WHEN answers > 0 THEN 'it was answered' ELSE 'no answer was seen' END,
        ', and no allow rule fits',
        CASE WHEN NOT opened THEN '; the records do not show which side opened it' END,
        CASE
            WHEN is_unplaced AND remote_scope = 'private'
                THEN '; the inventory lacks the CIDR blocks of the VPC, so the address may be inside it'
            WHEN is_unplaced
                THEN '; without ip-ranges.json or pkt_dst_aws_service it may be S3 or another AWS address'
        END,
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
        'or allow it in flowq.toml:', chr(10), '[[allow]]', chr(10), 'to = "', remote_addr,
        CASE WHEN remote_addr LIKE '%:%' THEN '/128"' ELSE '/32"' END,
        CASE WHEN job_name IS NOT NULL THEN concat(chr(10), 'job = "', job_name, '"') END,
        CASE WHEN remote_port > 0 THEN concat(chr(10), 'ports = [', remote_port, ']') END,
        CASE WHEN protocol IS NOT NULL THEN concat(chr(10), 'protocol = ', protocol) END
    ) AS remediation,
    evidence
FROM keyed
WHERE coalesce(bytes_out, 0) + coalesce(bytes_in, 0) >= $min_bytes
