-- What the checks of `flowq audit` read from the logs: one row for each job, subnet and kind of traffic. Times are
-- Unix seconds; a number is 0 where it is unknown.
SELECT
    arrow_cast(job_name, 'Utf8') AS job_name,
    arrow_cast(job_candidates, 'Utf8') AS job_candidates,
    arrow_cast(subnet_id, 'Utf8') AS subnet_id,
    arrow_cast(remote_scope, 'Utf8') AS remote_scope,
    arrow_cast(endpoint_interface_id, 'Utf8') AS endpoint_interface_id,
    arrow_cast(s3_path, 'Utf8') AS s3_path,
    arrow_cast(dns_server, 'Utf8') AS dns_server,
    arrow_cast(opened_by, 'Utf8') AS opened_by,
    ip_version,
    CAST(coalesce(protocol, 0) AS BIGINT) AS protocol,
    service_port,
    CAST(sum(connections) AS BIGINT) AS connections,
    CAST(sum(CASE WHEN opened_by = 'local' AND accepted_out > 0 AND accepted_in = 0 THEN connections ELSE 0 END)
        AS BIGINT) AS unanswered,
    CAST(sum(accepted_out + accepted_in) AS BIGINT) AS accepted,
    CAST(sum(rejected_out + rejected_in) AS BIGINT) AS rejected,
    CAST(sum(coalesce(accepted_bytes_out, 0)) AS BIGINT) AS bytes_out,
    CAST(sum(coalesce(accepted_bytes_in, 0)) AS BIGINT) AS bytes_in,
    coalesce(arrow_cast(arrow_cast(min(first_seen), 'Timestamp(Second, None)'), 'Int64'), 0) AS first_seen,
    coalesce(arrow_cast(arrow_cast(max(last_seen), 'Timestamp(Second, None)'), 'Int64'), 0) AS last_seen
FROM (
    SELECT
        *,
        CASE WHEN remote_scope = 'endpoint' THEN remote_interface_id END AS endpoint_interface_id,
        CASE WHEN remote_port = 53 THEN remote_addr END AS dns_server,
        CAST(CASE WHEN strpos(local_addr, ':') > 0 THEN 6 ELSE 4 END AS BIGINT) AS ip_version,
        CAST(CASE WHEN remote_port IN (53, 443, 500) THEN remote_port ELSE 0 END AS BIGINT) AS service_port
    FROM peers
    WHERE attribution IS NOT NULL AND log_status = 'OK'
)
GROUP BY
    job_name, job_candidates, subnet_id, remote_scope, endpoint_interface_id, s3_path, dns_server, opened_by,
    ip_version, protocol, service_port
ORDER BY
    job_name, job_candidates, subnet_id, remote_scope, endpoint_interface_id, s3_path, dns_server, opened_by,
    ip_version, protocol, service_port
