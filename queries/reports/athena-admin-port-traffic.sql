-- title = "Addresses that were served the most on administrative ports"
-- description = "As in the Athena template of AWS. Ports of SSH, Telnet, RDP, WinRM, VNC and databases, as the source of the traffic."
-- requires = ["srcaddr", "srcport", "dstaddr", "protocol", "bytes"]
-- [params]
-- limit = 10
SELECT
    srcaddr,
    srcport,
    sum(bytes) AS bytes,
    count(DISTINCT dstaddr) AS clients
FROM flow_context
-- SSH, Telnet, SQL Server, Oracle, MySQL, RDP, PostgreSQL, VNC, WinRM.
WHERE protocol = 6 AND srcport IN (22, 23, 1433, 1521, 3306, 3389, 5432, 5900, 5985, 5986)
GROUP BY srcaddr, srcport
ORDER BY bytes DESC NULLS LAST, srcaddr, srcport
LIMIT $limit
