-- title = "What went through NAT gateways, and to which AWS service"
-- description = "From the records of the NAT gateway interfaces. Bytes that S3 took are what a gateway endpoint would save."
-- inventory = true
-- requires = ["interface_id", "srcaddr", "dstaddr", "bytes"]
-- [params]
-- limit = 50
SELECT
    interface_id,
    remote_scope,
    aws_service(remote_addr) AS aws_service,
    remote_addr,
    sum(accepted_bytes_out) AS bytes_out,
    sum(accepted_bytes_in) AS bytes_in
FROM conversations
WHERE eni_belongs_to = 'nat_gateway' AND remote_addr IS NOT NULL
GROUP BY interface_id, remote_scope, remote_addr
ORDER BY
    sum(accepted_bytes_out) + sum(accepted_bytes_in) DESC,
    interface_id, remote_scope, remote_addr
LIMIT $limit
