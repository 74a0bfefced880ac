-- title       = "Remote administration to or from a processing job"
-- severity    = "medium"
-- mitre       = ["T1021.001", "T1021.004", "T1021.006"]
-- description = """
-- SSH, RDP or WinRM to or from a job's interface. Interactive logins to a processing job are not expected, and a job has no reason to log in
-- elsewhere; from outside the VPC into a job is the worst. Between instances of one job SSH is how MPI starts, and is
-- left alone; between two jobs it is reported by cross-job-traffic. What was refused or not answered is low: no login
-- took place, and port-scan reports many such attempts as one. An allow rule silences what the job opens; what
-- others open can only be suppressed. unexpected-egress may report the same traffic for where it goes; this one for
-- what it is. Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "close the port in the security group of the job; if git over SSH or a tunnel is intended, allow it in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "srcport", "dstport", "action", "start"]
-- actions     = ["ACCEPT", "REJECT"]
-- improves    = ["protocol", "tcp_flags", "flow_direction", "pkt_srcaddr", "pkt_dstaddr"]
-- [params]
-- # Ports of remote administration, joined by commas: SSH, RDP, WinRM.
-- ports = "22,3389,5985,5986"
WITH sides AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        -- If the initiator is unknown, the side with the port of remote administration is the server.
        coalesce(
            c.opened_by = 'remote',
            NOT array_has(string_to_array(CAST($ports AS VARCHAR), ','), CAST(c.remote_port AS VARCHAR))
        ) AS is_inbound
    FROM peers AS c
    WHERE c.attribution IS NOT NULL
        AND c.protocol IN (6, 17)
        AND c.remote_scope IN ('vpc', 'private', 'aws', 'internet')
        AND c.remote_addr IS NOT NULL
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
),
judged AS (
    SELECT
        *,
        CASE WHEN is_inbound THEN local_port ELSE remote_port END AS service_port
    FROM sides
    WHERE array_has(
            string_to_array(CAST($ports AS VARCHAR), ','),
            CAST(CASE WHEN is_inbound THEN local_port ELSE remote_port END AS VARCHAR)
        )
        AND CASE WHEN is_inbound THEN accepted_in + rejected_in ELSE accepted_out + rejected_out END > 0
        AND (is_inbound OR allowed_by(coalesce(job_name, job_candidates), remote_addr, remote_scope, remote_port, protocol) IS NULL)
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        -- An ephemeral port of the other side is not part of the finding.
        CASE WHEN is_inbound THEN NULL ELSE remote_port END AS remote_port,
        protocol,
        bool_or(is_inbound) AS is_inbound,
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
        array_to_string(array_sort(array_agg(DISTINCT service_port)), ', ') AS ports,
        bool_or(opened_by IS NOT NULL) AS opened,
        sum(CASE WHEN is_inbound THEN accepted_in ELSE accepted_out END) AS asked,
        sum(CASE WHEN is_inbound THEN accepted_out ELSE accepted_in END) AS answers,
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(records) AS BIGINT) AS flows,
        CAST(sum(accepted_packets + rejected_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out + rejected_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in + rejected_bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM judged
    GROUP BY job, local_addr, remote_addr, CASE WHEN is_inbound THEN NULL ELSE remote_port END, protocol
)
SELECT
    CASE
        WHEN asked = 0 OR answers = 0 THEN 'low'
        WHEN NOT opened THEN 'medium'
        WHEN is_inbound AND remote_scope <> 'vpc' THEN 'high'
    END AS severity,
    CASE
        WHEN NOT opened THEN 'weak'
        WHEN attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        CASE WHEN is_inbound THEN remote_addr ELSE local_addr END,
        CASE WHEN opened THEN ' opened ' ELSE ' may have opened ' END,
        conversations,
        CASE WHEN conversations = 1 THEN ' connection to ' ELSE ' connections to ' END,
        CASE WHEN is_inbound THEN local_addr ELSE remote_addr END,
        ' port ', ports, ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), ', remote administration); ',
        CASE WHEN is_inbound THEN remote_addr ELSE 'the server' END,
        CASE remote_scope
            WHEN 'vpc' THEN ' is inside the VPC'
            WHEN 'private' THEN ' is in a private network outside the VPC'
            WHEN 'aws' THEN ' is a public AWS address'
            ELSE ' is on the internet'
        END,
        CASE
            WHEN asked = 0 THEN '; it was refused'
            WHEN answers > 0 THEN '; it was answered'
            ELSE '; no answer was seen'
        END,
        CASE WHEN NOT opened THEN '; the records do not show which side opened it' END,
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
    CASE WHEN asked > 0 THEN evidence_accepted ELSE evidence_rejected END AS evidence
FROM keyed
