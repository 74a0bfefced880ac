-- title       = "A processing job tried to send traffic out of its VPC and was refused"
-- severity    = "low"
-- mitre       = ["T1048", "T1071"]
-- description = """
-- Traffic that a job's interface sent and that was refused before it left, to a place that no allow rule covers.
-- No packet left, but something in the job tries to connect. AWS's public addresses and peer VPCs belong to blocked-service. A refused packet of a connection that had been accepted is
-- no attempt, unless it opens the connection anew.
-- """
-- remediation = "find out what in the job's code makes the attempt; if it is intended, open it in the security group and allow it in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- actions     = ["REJECT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_dstaddr", "reject_reason"]
-- [params]
-- # Findings with fewer rejected records are not reported.
-- min_flows = 1
WITH peered AS (
    -- A peer VPC belongs to blocked-service.
    SELECT DISTINCT p.vpc_id, p.remote_addr
    FROM peers AS p
    JOIN routes AS r ON r.vpc_id = p.vpc_id
    WHERE p.remote_scope = 'private'
        AND p.attribution IS NOT NULL
        AND r.target LIKE 'pcx-%'
        AND in_cidr(p.remote_addr, r.destination)
),
judged AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        -- An attempt to open a TCP connection shows its SYN.
        c.protocol = 6 AND c.rejected_syn = 0 AND c.rejected_flagless = c.rejected_out + c.rejected_in AS is_late
    FROM peers AS c
    LEFT JOIN peered AS p ON p.vpc_id = c.vpc_id AND p.remote_addr = c.remote_addr
    WHERE c.attribution IS NOT NULL
        AND c.rejected_out > 0
        AND (
            c.accepted_out = 0
            OR c.rejected_syn > 0
            -- Without flags: what was rejected before anything was accepted is no late packet.
            OR (c.rejected_flagless = 0 AND c.rejected_first < c.accepted_first)
        )
        AND (c.opened_by IS DISTINCT FROM 'remote')
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
        -- AWS's public addresses belong to blocked-service.
        AND c.remote_scope IN ('private', 'internet')
        AND p.remote_addr IS NULL
        AND allowed_by(coalesce(c.job_name, c.job_candidates), c.remote_addr, c.remote_scope, c.remote_port, c.protocol) IS NULL
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        min(rejected_first) AS first_seen,
        max(rejected_last) AS last_seen,
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
        min(reject_reason) AS reject_reason,
        bool_or(coalesce(opened_by = 'local', false)) AS opened,
        bool_and(coalesce(is_late, false)) AS is_late,
        CAST(sum(rejected_out + rejected_in) AS BIGINT) AS flows,
        CAST(sum(rejected_packets) AS BIGINT) AS packets,
        CAST(sum(rejected_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(rejected_bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_rejected) AS evidence
    FROM judged
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
)
SELECT
    CASE
        WHEN NOT opened OR is_late THEN 'weak'
        WHEN attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        local_addr, ' tried ', remote_addr,
        CASE WHEN remote_port > 0 THEN concat(' port ', remote_port) END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), ', ',
        CASE remote_scope
            WHEN 'private' THEN 'a private network outside the VPC'
            ELSE 'the internet'
        END,
        ') and was refused in ', flows,
        CASE WHEN flows = 1 THEN ' record' ELSE ' records' END,
        CASE WHEN reject_reason IS NOT NULL THEN concat(', reject reason ', reject_reason) END,
        CASE
            WHEN is_late THEN '; none of them opens a connection: late packets of one that began before these logs, or no regular TCP'
            WHEN NOT opened THEN '; the records do not show which side opened it'
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
    coalesce(reject_reason, 'security group egress or outbound network ACL') AS cause,
    evidence
FROM keyed
WHERE flows >= $min_flows
