-- title       = "A job with network isolation exchanged traffic other than S3"
-- severity    = "high"
-- mitre       = ["T1048"]
-- description = """
-- A job with EnableNetworkIsolation has no network for its container. On its interface only S3 (the platform moves
-- inputs and outputs there) and the job's own instances are expected. Everything else that was accepted, and every
-- attempt that the job itself made, is reported here and in no other detection. Allow rules do not apply:
-- isolation is the stricter promise. What others tried on the job and was refused is not the job's doing.
-- The platform's own logging may use the same interface: HTTPS that it opened to an interface endpoint or to a public
-- AWS address is medium and weak, unless the inventory says that the interface is the container's.
-- """
-- remediation = "check EnableNetworkIsolation and the image of the job; treat the container as not isolated until it is explained"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- actions     = ["ACCEPT", "REJECT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_dst_aws_service", "pkt_src_aws_service"]
WITH ranges AS (
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
        coalesce(c.opened_by = 'remote', false) AS answered,
        -- The initiator is unknown, and traffic was received as well: it may have been a reply.
        c.opened_by IS NULL AND c.accepted_in > 0 AS is_ambiguous,
        (c.eni_role IS DISTINCT FROM 'container')
            AND c.remote_scope IN ('endpoint', 'aws')
            AND c.protocol = 6
            AND c.remote_port = 443
            AND (c.opened_by IS DISTINCT FROM 'remote') AS is_platform,
        (c.eni_role IS DISTINCT FROM 'container')
            AND c.remote_scope = 'internet'
            AND c.remote_port IN (80, 443)
            AND NOT r.known AS is_unplaced,
        -- The initiator uses a new ephemeral port each time, which would make each connection a finding.
        CASE WHEN c.opened_by = 'remote' THEN NULL ELSE c.remote_port END AS service_port
    FROM peers AS c
    CROSS JOIN ranges AS r
    WHERE c.attribution IS NOT NULL
        AND c.network_isolation
        AND (c.eni_role IS DISTINCT FROM 'platform')
        AND c.s3_path IS NULL
        AND coalesce(c.remote_scope, 'internet') NOT IN ('s3', 'same-job', 'local')
        AND c.remote_addr IS NOT NULL
        AND (
            c.accepted_out + c.accepted_in > 0
            OR (c.rejected_out > 0 AND (c.opened_by IS DISTINCT FROM 'remote'))
        )
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        service_port AS remote_port,
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
        min(eni_role) AS eni_role,
        min(remote_interface_id) AS remote_interface_id,
        min(remote_scope) AS remote_scope,
        bool_and(answered) AS answered,
        bool_and(answered OR is_ambiguous) AS may_answer,
        bool_and(coalesce(is_platform, false)) AS is_platform,
        bool_or(coalesce(is_unplaced, false)) AS is_unplaced,
        CAST(sum(accepted_out + accepted_in) AS BIGINT) AS accepted,
        CAST(sum(records) AS BIGINT) AS flows,
        CAST(sum(accepted_packets + rejected_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out + rejected_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in + rejected_bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM judged
    GROUP BY job, local_addr, remote_addr, service_port, protocol
)
SELECT
    CASE
        WHEN accepted = 0 AND is_platform THEN 'low'
        WHEN accepted = 0 OR is_platform OR is_unplaced THEN 'medium'
        WHEN remote_scope = 'internet' AND NOT may_answer THEN 'critical'
    END AS severity,
    CASE
        WHEN is_platform OR is_unplaced THEN 'weak'
        WHEN attribution NOT IN ('declared', 'exact') THEN 'inferred'
        WHEN eni_role = 'container' THEN 'proven'
        ELSE 'strong'
    END AS confidence,
    concat(
        'the job runs with network isolation, yet ', local_addr,
        CASE
            WHEN answered THEN ' answered '
            WHEN accepted > 0 THEN ' talked to '
            ELSE ' tried (and was refused) '
        END,
        remote_addr,
        CASE WHEN remote_port > 0 THEN concat(' port ', remote_port) END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), ', scope ',
        coalesce(remote_scope, 'unknown'), ')',
        CASE
            WHEN is_platform THEN '; it may be the platform''s own logging'
            WHEN is_unplaced THEN '; without ip-ranges.json or pkt_dst_aws_service it may be S3, which is the platform''s'
            WHEN eni_role IS NULL THEN '; it is not known whether the interface is the container''s or the platform''s'
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
    CASE WHEN accepted > 0 THEN evidence_accepted ELSE evidence_rejected END AS evidence
FROM keyed
