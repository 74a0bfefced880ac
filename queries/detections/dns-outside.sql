-- title       = "A processing job queried a DNS server that is not the VPC's"
-- severity    = "medium"
-- mitre       = ["T1071.004", "T1572"]
-- description = """
-- DNS (port 53) or DNS over TLS or QUIC (port 853) to a server that the VPC's DHCP options do not name, accepted or
-- attempted. Queries to other servers bypass the VPC's query logging and DNS firewall, and DNS can carry data out.
-- Queries to the VPC's own resolver (the address after the first of the VPC, 169.254.169.253, fd00:ec2::253) are in no
-- flow log, so silence here says nothing about them; DNS over HTTPS looks like any HTTPS. unexpected-egress may report
-- the same traffic for where it goes; this one for what it is. Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "let the job use the VPC's resolver, close port 53 and 853 in the egress rules of its security group, or name the server in the DHCP options or in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "srcport", "dstport", "action", "start"]
-- actions     = ["ACCEPT", "REJECT"]
-- improves    = ["protocol", "tcp_flags", "flow_direction", "pkt_dstaddr"]
WITH known_vpcs AS (
    -- VPCs with known DHCP options.
    SELECT v.vpc_id, min(d.dhcp_options_id) AS dhcp_options_id
    FROM vpcs AS v
    JOIN dhcp_options AS d ON d.dhcp_options_id = v.dhcp_options_id
    GROUP BY v.vpc_id
),
servers AS (
    SELECT DISTINCT v.vpc_id, ip_key(d.server) AS server
    FROM vpcs AS v
    JOIN (SELECT dhcp_options_id, unnest(domain_name_servers) AS server FROM dhcp_options) AS d
        ON d.dhcp_options_id = v.dhcp_options_id
    WHERE ip_key(d.server) IS NOT NULL
),
judged AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        t.dhcp_options_id
    FROM peers AS c
    LEFT JOIN known_vpcs AS t ON t.vpc_id = c.vpc_id
    LEFT ANTI JOIN servers AS s ON s.vpc_id = c.vpc_id AND s.server = ip_key(c.remote_addr)
    WHERE c.attribution IS NOT NULL
        AND c.remote_port IN (53, 853)
        AND c.protocol IN (6, 17)
        AND (c.opened_by IS DISTINCT FROM 'remote')
        AND c.accepted_out + c.rejected_out > 0
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
        AND (
            c.remote_scope IN ('private', 'aws', 'internet')
            -- A server inside the VPC is assumed to be the VPC's own, unless the DHCP options are known.
            OR (c.remote_scope = 'vpc' AND t.vpc_id IS NOT NULL)
        )
        AND allowed_by(coalesce(c.job_name, c.job_candidates), c.remote_addr, c.remote_scope, c.remote_port, c.protocol) IS NULL
),
keyed AS (
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
        min(remote_interface_id) AS remote_interface_id,
        min(remote_scope) AS remote_scope,
        min(dhcp_options_id) AS dhcp_options_id,
        bool_or(coalesce(opened_by = 'local', false)) AS opened,
        sum(accepted_out) AS sent,
        sum(accepted_in) AS answers,
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(records) AS BIGINT) AS flows,
        CAST(sum(accepted_packets + rejected_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out + rejected_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in + rejected_bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM judged
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
)
SELECT
    CASE WHEN sent = 0 OR remote_scope = 'vpc' THEN 'low' END AS severity,
    CASE
        WHEN NOT opened OR (dhcp_options_id IS NULL AND remote_scope = 'private') THEN 'weak'
        WHEN dhcp_options_id IS NOT NULL AND attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        local_addr,
        CASE WHEN sent = 0 THEN ' tried to query ' ELSE ' queried ' END,
        remote_addr, ' port ', remote_port, ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)),
        CASE WHEN remote_port = 53 THEN ', DNS, ' ELSE ', encrypted DNS, ' END,
        CASE remote_scope
            WHEN 'private' THEN 'a private network outside the VPC'
            WHEN 'aws' THEN 'a public AWS address'
            WHEN 'vpc' THEN 'inside the VPC'
            ELSE 'the internet'
        END,
        '); ',
        CASE
            WHEN sent = 0 THEN 'it was refused'
            WHEN answers > 0 THEN concat('it was answered, in ', conversations, ' exchanges')
            ELSE 'no answer was seen'
        END,
        CASE
            WHEN dhcp_options_id IS NOT NULL THEN concat('; the DHCP options ', dhcp_options_id, ' do not name it')
            ELSE '; the inventory lacks the DHCP options of the VPC, which may name it'
        END,
        CASE WHEN NOT opened THEN '; the records do not show which side sent the query' END,
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
    CASE WHEN sent > 0 THEN evidence_accepted ELSE evidence_rejected END AS evidence
FROM keyed
