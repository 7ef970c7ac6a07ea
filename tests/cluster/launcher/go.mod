module sluice.test/cluster

go 1.24
