"""Webhook signatures, one verifier a vendor: was this sent by someone who knows the source's secret, and just now?"""
