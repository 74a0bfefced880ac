-- title = "All bytes over IPv6"
-- description = "As in the Athena template of AWS. By the address itself, so that the field type is not needed."
-- requires = ["srcaddr", "packets", "bytes"]
SELECT
    count(*) AS records,
    coalesce(sum(packets), 0) AS packets,
    coalesce(sum(bytes), 0) AS bytes
FROM flow_context
WHERE ip_family(srcaddr) = 6
