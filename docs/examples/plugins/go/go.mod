module example.com/image-registry

go 1.24
