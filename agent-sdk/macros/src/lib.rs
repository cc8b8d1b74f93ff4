//! `#[trace]`: a function's body under a span, for plain and for async functions. The span itself is made by
//! `longpole_sdk::span!`; nothing here knows how.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Ident, ItemFn, LitStr, Token, parenthesized, parse_macro_input};

/// Runs the function under a span that is named after it.
///
/// `#[trace]`, or `#[trace(name = "charge", kind = Client, fields(order.id = order.id, size = items.len()))]`. Fields
/// are those of `span!`, evaluated with the arguments at hand. The span of an async function goes with it from
/// thread to thread and ends when it does.
#[proc_macro_attribute]
pub fn trace(settings: TokenStream, function: TokenStream) -> TokenStream {
    let settings = parse_macro_input!(settings as Settings);
    let function = parse_macro_input!(function as ItemFn);
    expand(&settings, function).into()
}

#[derive(Default)]
struct Settings {
    name: Option<LitStr>,
    kind: Option<Ident>,
    /// As `span!` takes them, with a comma in front.
    fields: Tokens,
}

impl Parse for Settings {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut settings = Self::default();
        while !input.is_empty() {
            let what: Ident = input.parse()?;
            match what.to_string().as_str() {
                "name" => {
                    input.parse::<Token![=]>()?;
                    settings.name = Some(input.parse()?);
                }
                "kind" => {
                    input.parse::<Token![=]>()?;
                    settings.kind = Some(input.parse()?);
                }
                "fields" => {
                    let inside;
                    parenthesized!(inside in input);
                    let fields: Tokens = inside.parse()?;
                    settings.fields = quote!(, #fields);
                }
                other => {
                    let told =
                        format!("`{other}` is not known here: name, kind and fields(..) are");
                    return Err(syn::Error::new(what.span(), told));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(settings)
    }
}

fn expand(settings: &Settings, function: ItemFn) -> Tokens {
    let ItemFn { attrs, vis, sig, block } = function;
    let name = match &settings.name {
        Some(name) => name.clone(),
        None => LitStr::new(&sig.ident.to_string(), sig.ident.span()),
    };
    let kind = settings.kind.as_ref().map(|kind| quote!(kind: #kind,));
    let fields = &settings.fields;
    let span: Expr = syn::parse_quote!(::longpole_sdk::span!(#kind #name #fields));
    let body = if sig.asyncness.is_some() {
        // The type is told, so that `return` and `?` find theirs inside of the block.
        let told = match &sig.output {
            syn::ReturnType::Default => quote!(()),
            syn::ReturnType::Type(_, of) if matches!(**of, syn::Type::ImplTrait(_)) => quote!(_),
            syn::ReturnType::Type(_, of) => quote!(#of),
        };
        quote! {
            let __span = ::longpole_sdk::Span::from(#span);
            let __work = async move { let __result: #told = #block; #[allow(unreachable_code)] __result };
            ::longpole_sdk::FutureExt::in_span(__work, __span).await
        }
    } else {
        quote! {
            let __span = #span;
            #block
        }
    };
    quote! {
        #(#attrs)*
        #vis #sig { #body }
    }
}
