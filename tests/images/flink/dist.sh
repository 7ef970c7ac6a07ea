# shellcheck shell=bash
# Puts a Flink distribution together from PyPI: the jars from the sdist apache-flink-libraries, scripts and configuration
# from the wheel apache-flink. Sourced by build.sh.

flink_dist_build() {
	local version=$1
	need python3=python3
	python_with_pip >/dev/null || step "install python3-pip" apt_install python3-pip
	step "download Flink $version from PyPI" flink_download "$version"
	step "put the distribution together" flink_assemble "$version"
}

# python_with_pip: prints a Python that has pip.
python_with_pip() {
	local python
	for python in python3 /usr/bin/python3; do
		if "$python" -m pip --version >/dev/null 2>&1; then
			echo "$python"
			return
		fi
	done
	return 1
}

flink_download() {
	local version=$1 pip
	pip=("$(python_with_pip)" -m pip --disable-pip-version-check --no-input download --quiet --no-deps --no-cache-dir --dest "$WORK/pip")
	# The scripts in the wheel are the same for every platform and Python: name one that exists.
	"${pip[@]}" --only-binary :all: --python-version 3.10 --platform manylinux1_x86_64 --platform manylinux2014_x86_64 "apache-flink==$version"
	# Jars only come in the sdist. pip asks its setup.py for the metadata, which builds nothing.
	TMPDIR="$WORK" "${pip[@]}" --no-binary :all: "apache-flink-libraries==$version"
	ls -l "$WORK/pip"
}

flink_assemble() {
	local version=$1 home="$WORK/home" top="apache_flink_libraries-$1"
	mkdir -p "$home" "$WORK/wheel"
	# opt holds only PyFlink and the SQL client, and both are left out with their scripts.
	tar -xzf "$WORK"/pip/apache*flink*libraries-"$version".tar.gz -C "$home" --strip-components=2 --no-same-owner \
		"$top"/deps/{bin,lib,licenses,plugins}
	tar -xzf "$WORK"/pip/apache*flink*libraries-"$version".tar.gz -C "$home" --strip-components=1 --no-same-owner "$top"/{LICENSE,NOTICE}
	python3 -m zipfile -e "$WORK"/pip/apache_flink-"$version"-*.whl "$WORK/wheel"
	cp -r "$WORK"/wheel/pyflink/{bin,conf} "$home"
	rm -f "$home"/bin/*.bat "$home"/bin/pyflink-* "$home"/bin/sql-client.sh
	find "$home" -type d -exec chmod 755 {} +
	find "$home" -type f -exec chmod 644 {} +
	find "$home/bin" "$home/plugins" -type f \( -name '*.sh' -o -name flink \) -exec chmod 755 {} +
	test -s "$home/lib/flink-dist-$version.jar"
	test -x "$home/bin/kubernetes-jobmanager.sh"
	tar -C "$home" --owner=0 --group=0 --numeric-owner --sort=name -cf "$WORK/home.tar" .
	mv "$WORK/home.tar" "$WORK/out"
}
