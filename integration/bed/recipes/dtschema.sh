# dt-validate: the Python package dtschema, which Debian lacks (what it depends on comes from the tools tree), and the
# bindings from Debian's kernel source, processed once. Makes dt-validate, lib/, bindings/ and schema.json.
dtschema_make() {
	tools python3 -m pip install --quiet --no-deps --target "$1/lib" dtschema
	tools tar -C "$1" --strip-components=3 --wildcards -xJf /usr/src/linux-source-6.12.tar.xz \
		'linux-source-*/Documentation/devicetree/bindings'
	export PYTHONPATH="$1/lib"
	tools python3 "$1/lib/bin/dt-mk-schema" -j -o "$1/schema.json" "$1/bindings"
	cat >"$1/dt-validate" <<-'EOF'
		#!/bin/sh
		# dt-validate ARGS...: validates device trees against the kernel's bindings; run it with in-tools.
		here=$(cd "$(dirname "$0")" && pwd -P)
		PYTHONPATH=$here/lib exec python3 "$here/lib/bin/dt-validate" -s "$here/schema.json" "$@"
	EOF
	chmod +x "$1/dt-validate"
	tools python3 "$1/lib/bin/dt-validate" --version
}

prepare_dtschema() {
	need tools
	build_once dtschema "fetching dtschema and processing the bindings (1 minute)" 0 dtschema_make \
		"$bed/recipes/dtschema.sh"
}
