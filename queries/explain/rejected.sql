-- The rejected traffic of jobs: one row for each pair of addresses, service and interface.
SELECT
    interface_id,
    remote_interface_id,
    vpc_id,
    job_name,
    local_addr,
    remote_addr,
    local_port,
    remote_port,
    protocol,
    opened_by,
    CAST(rejected_out AS BIGINT) AS rejected_out,
    CAST(rejected_in AS BIGINT) AS rejected_in,
    CAST(rejected_first AS BIGINT) AS rejected_first
FROM peers
WHERE attribution IS NOT NULL
    AND rejected_out + rejected_in > 0
    AND local_addr IS NOT NULL
    AND remote_addr IS NOT NULL
    AND protocol IS NOT NULL
ORDER BY rejected_first, interface_id, local_addr, remote_addr, remote_port, local_port, protocol, opened_by
