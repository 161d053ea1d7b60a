//! What a source file names: every path and identifier of its code, without its tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A source file of the product.
pub struct File {
    /// Its module, such as `core::decide`; empty for the crate itself.
    pub module: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Each path that its code names, from the crate where it is one of ours: `crate::core::span::Span`.
    pub names: BTreeSet<String>,
    /// How often its code names each identifier, also of fields and methods.
    pub words: BTreeMap<String, usize>,
    /// What is public in it: the name, and whether it is a function.
    pub public: Vec<(String, bool)>,
    /// Whether a function of it is async.
    pub is_async: bool,
}

/// Every source file in that folder of the repository.
pub fn paths(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    found.sort();
    found
}

/// The same, read, but for those that are a module's tests.
pub fn files(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let is_test = |path: &PathBuf| path.ends_with("tests.rs") || path.ends_with("examples.rs");
    let found = paths(folder).into_iter().filter(|path| !is_test(path));
    found.map(|path| read(&root, path)).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn read(root: &Path, path: PathBuf) -> File {
    let text = fs::read_to_string(&path).unwrap();
    let module = path.strip_prefix(root).unwrap().with_extension("");
    let module = module.to_str().unwrap().replace('/', "::");
    let module = if matches!(module.as_str(), "lib" | "main") { String::new() } else { module };
    parse(module, path, text)
}

/// Reads the code of a file.
pub fn parse(module: String, path: PathBuf, text: String) -> File {
    let code = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let children = code.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    });
    let file = File {
        module,
        path,
        text,
        names: BTreeSet::new(),
        words: BTreeMap::new(),
        public: Vec::new(),
        is_async: false,
    };
    let mut reader = Reader { file, children: children.collect() };
    reader.visit_file(&code);
    reader.file
}

struct Reader {
    file: File,
    /// The modules that the file declares.
    children: BTreeSet<String>,
}

impl Reader {
    /// A path as it stands in the code, from the crate where that is known.
    fn name(&mut self, path: &[String]) {
        let module: Vec<String> = self.file.module.split("::").map(str::to_owned).collect();
        let from_crate = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("self") => [&module, &path[1..]].concat(),
            Some("super") => {
                let up = path.iter().take_while(|part| *part == "super").count();
                [&module[..module.len().saturating_sub(up)], &path[up..]].concat()
            }
            Some(first) if self.children.contains(first) => [&module, path].concat(),
            _ => {
                self.file.names.insert(path.join("::"));
                return;
            }
        };
        self.file.names.insert(format!("crate::{}", from_crate.join("::")));
    }

    fn imported(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.imported(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.name(before),
            syn::UseTree::Name(name) => self.name(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.name(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.name(before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.imported(before, tree));
            }
        }
    }

    /// What a macro is given is no syntax: its identifiers, and those that `::` joins.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    self.word(&ident.to_string());
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.end(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.name(path);
        }
        path.clear();
    }

    fn word(&mut self, word: &str) {
        *self.file.words.entry(word.to_owned()).or_default() += 1;
    }

    fn declared(&mut self, is_public: &syn::Visibility, name: &syn::Ident, is_function: bool) {
        if matches!(is_public, syn::Visibility::Public(_)) {
            self.file.public.push((name.to_string(), is_function));
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imported(&[], &item.tree);
        if matches!(item.vis, syn::Visibility::Inherited) {
            return;
        }
        visit::visit_item_use(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path_of = path.segments.iter().map(|segment| segment.ident.to_string());
        self.name(&path_of.collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    // `pub(super)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.file.is_async |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.word(&ident.to_string());
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.declared(&item.vis, &item.sig.ident, true);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            self.declared(&item.vis, &item.sig.ident, true);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.declared(&item.vis, &item.ident, false);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.declared(&item.vis, &item.ident, false);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.declared(&item.vis, &item.ident, false);
        visit::visit_item_const(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.declared(&item.vis, &item.ident, false);
        visit::visit_item_type(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.declared(&item.vis, &item.ident, false);
        visit::visit_item_trait(self, item);
    }
}

/// Which of `files` each of them imports, by module.
pub fn imports(files: &[File]) -> BTreeMap<&str, BTreeSet<&str>> {
    let modules: BTreeSet<&str> = files.iter().map(|file| file.module.as_str()).collect();
    // The file that declares what a path names: the longest beginning that is a module.
    let declares = |name: &str| {
        let mut module = name.strip_prefix("crate::")?;
        loop {
            if let Some(known) = modules.get(module) {
                return Some(*known);
            }
            module = module.rsplit_once("::")?.0;
        }
    };
    let of = |file: &'_ File| {
        let named = file.names.iter().filter_map(|name| declares(name));
        named.filter(|module| *module != file.module).collect()
    };
    files.iter().map(|file| (file.module.as_str(), of(file))).collect()
}

/// The groups of modules each of which imports every other one of its group, directly or by way of others.
pub fn circles<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let reach = |from: &'a str| {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            next.extend(imports[module].iter().filter(|other| found.insert(other)));
        }
        found
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|module| (*module, reach(module))).collect();
    let mut known = BTreeSet::new();
    let mut circles = Vec::new();
    for (module, others) in &reached {
        let circle: Vec<&str> =
            others.iter().copied().filter(|other| reached[other].contains(module)).collect();
        if circle.len() > 1 && known.insert(circle.clone()) {
            circles.push(circle);
        }
    }
    circles
}
